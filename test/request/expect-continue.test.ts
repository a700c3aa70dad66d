import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { connectRaw, exchangeRaw } from './raw-client.ts'
import { freshClient, type Stage, setStage, userCookie } from './stage.ts'

const bytes = 3 * 1024 * 1024

describe('Expect: 100-continue', () => {
  let stage: Stage
  let directory: string
  let file: string
  beforeAll(async () => {
    stage = await setStage()
    directory = await mkdtemp(join(tmpdir(), 'harpoon-upload-'))
    file = join(directory, 'upload')
    await writeFile(file, Buffer.alloc(bytes, 'x'))
  })
  afterEach(() => stage.nextcloud.clearFaults())
  afterAll(async () => {
    await stage.close()
    await rm(directory, { recursive: true })
  })

  /** What curl saw; it waits for our "continue" far longer than this test runs. */
  async function curl(path: string, ...options: string[]): Promise<{ status: number; uploaded: number; continued: boolean; body: string }> {
    const patience = ['--max-time', '15', '--expect100-timeout', '30']
    const report = ['-sv', '-w', '\n%{http_code} %{size_upload}']
    const from = ['--interface', freshClient()]
    const { stdout, stderr } = await promisify(execFile)('curl', [...report, ...patience, ...from, '-H', 'Expect: 100-continue', ...options, `http://127.0.0.1:${stage.port}${path}`])
    const [, body = '', status, uploaded] = /^([^]*)\n(\d+) (\d+)$/.exec(stdout) ?? []
    return { status: Number(status), uploaded: Number(uploaded), continued: stderr.includes('< HTTP/1.1 100 Continue'), body }
  }

  it.each([
    ['PUT with -T', () => ['-T', file]],
    ['POST with --data-binary', () => ['--data-binary', `@${file}`]],
    ['PUT in chunks', () => ['-T', file, '-H', 'Transfer-Encoding: chunked']],
  ])('lets curl send its body once the request is allowed: %s', async (_how, options) => {
    const answer = await curl('/exapps/demo/upload', ...options())
    expect(answer).toMatchObject({ status: 200, continued: true })
    expect(JSON.parse(answer.body)).toMatchObject({ length: bytes })
    expect(stage.exApp.requests.at(-1)?.headers).not.toHaveProperty('expect')
  })

  it.each([
    [403, '/exapps/demo/user'],
    [404, '/exapps/unknown/x'],
    [404, '/elsewhere'],
  ])('gets %i for %s without a byte of the body being sent', async (status, path) => {
    expect(await curl(path, '-T', file)).toMatchObject({ status, uploaded: 0, continued: false })
  })

  it('gets 503 when the ExApp is down', async () => {
    stage.nextcloud.addExApp({ appId: 'down', port: 1, routes: [{ url: '.*', access_level: 0 }] })
    expect(await curl('/exapps/down/x', '-T', file)).toMatchObject({ status: 503 })
  })

  it('is not answered before Nextcloud has said who asks', async () => {
    stage.nextcloud.setFault('user-info', { kind: 'delay', ms: 500 })
    const client = await connectRaw(stage.port)
    const sentAt = performance.now()
    client.write(`PUT /exapps/demo/user HTTP/1.1\r\nHost: x\r\nCookie: ${userCookie}\r\nContent-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n`)
    await client.until('100 Continue')
    expect(performance.now() - sentAt).toBeGreaterThan(450)
    client.write('ok')
    expect(await client.closed).toMatch(/^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 200 OK\r\n/)
  })

  it('is the only expectation that is met', async () => {
    const answer = await exchangeRaw(stage.port, 'PUT /exapps/demo/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: the-best\r\n\r\n')
    expect(answer).toMatch(/^HTTP\/1.1 417 /)
  })
})
