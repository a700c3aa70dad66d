import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import WebSocket from 'ws'
import { type Stage, setStage } from '../request/stage.ts'

const run = promisify(execFile)

describe('with /certs/cert.pem', () => {
  let folder: string
  let stage: Stage
  let certificate: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'harpoon-https-'))
    const [key, crt] = [join(folder, 'key'), join(folder, 'crt')]
    await run('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', crt, '-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'])
    certificate = await readFile(crt, 'utf8')
    await writeFile(join(folder, 'cert.pem'), certificate + (await readFile(key, 'utf8')), { mode: 0o400 })
    stage = await setStage({ HARPOON_CERTS_DIR: folder })
  })
  afterAll(async () => {
    await stage.close()
    await rm(folder, { recursive: true, force: true })
  })

  it('serves the same over HTTPS, with that certificate, and leaves the file alone', async () => {
    const call = request({ host: 'localhost', port: stage.plane.ports.https, path: '/exapps/demo/public', ca: certificate, agent: false }).end()
    const [response] = (await once(call, 'response')) as [{ statusCode: number; resume(): void }]
    response.resume()
    expect(response.statusCode).toBe(200)
    expect((await stat(join(folder, 'cert.pem'))).mode & 0o777).toBe(0o400) // Q23
  })

  it('drops without a byte there too', async () => {
    const call = request({ host: 'localhost', port: stage.plane.ports.https, path: '/exapps/demo/heartbeat', ca: certificate, agent: false })
    await expect(once(call.end(), 'response')).rejects.toThrow(/hang up|ECONNRESET/)
  })

  it('takes WebSockets', async () => {
    const socket = new WebSocket(`wss://localhost:${stage.plane.ports.https}/exapps/demo/ws`, { ca: certificate })
    await once(socket, 'open')
    socket.send('x')
    expect(String((await once(socket, 'message'))[0])).toBe('x')
    socket.close()
    await once(socket, 'close')
  })
})

it('without it there is no HTTPS listener', async () => {
  const stage = await setStage()
  expect(stage.plane.ports.https).toBeUndefined()
  await stage.close()
})
