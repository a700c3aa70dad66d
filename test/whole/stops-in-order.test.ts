import { mkdtemp, rm } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { type DataPlaneProcess, startDataPlaneProcess } from '../support/data-plane-process.ts'
import { type ExAppStandIn, startExApp } from '../support/exapp.ts'
import { type NextcloudStandIn, startNextcloud } from '../support/nextcloud.ts'
import { sendForAnswer } from '../support/send.ts'
import { sharedKey } from '../support/data-plane.ts'
import { demoApp } from '../request/stage.ts'

describe('SIGTERM', () => {
  let folder: string
  let nextcloud: NextcloudStandIn
  let exApp: ExAppStandIn
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'harpoon-stop-'))
    nextcloud = await startNextcloud({ sharedKey })
    exApp = await startExApp({ listen: { port: 0 } })
    nextcloud.addExApp(demoApp(exApp.port ?? 0))
  })
  afterAll(async () => {
    await exApp.close()
    await nextcloud.close()
    await rm(folder, { recursive: true, force: true })
  })
  const start = (stopTimeout: string): Promise<DataPlaneProcess> =>
    startDataPlaneProcess({ NC_INSTANCE_URL: nextcloud.url, HARPOON_CERTS_DIR: folder, HARPOON_STOP_TIMEOUT: stopTimeout })

  /** A request that runs when this resolves: the ExApp has it. */
  async function running(plane: DataPlaneProcess, path: string): Promise<{ status: Promise<number> }> {
    const before = exApp.requestCount
    const status = new Promise<number>((resolve, reject) => {
      const call = request({ port: plane.ports.http, path, host: '127.0.0.1' }, (response) => {
        response.resume()
        response.on('end', () => resolve(response.statusCode ?? 0)).on('error', reject)
      })
      call.on('error', reject).end()
    })
    status.catch(() => {}) // awaited by the test
    await expect.poll(() => exApp.requestCount).toBe(before + 1)
    return { status }
  }

  it('finishes what runs, takes nothing new, says not ready meanwhile, and exits with 0', async () => {
    const plane = await start('15s')
    const before = exApp.requestCount
    const upload = request({ port: plane.ports.http, path: '/exapps/demo/upload', method: 'POST', host: '127.0.0.1' })
    const status = new Promise((resolve, reject) => upload.on('response', (response) => resolve(response.statusCode)).on('error', reject))
    upload.write('the first half')
    await expect.poll(() => exApp.requestCount).toBe(before + 1)
    plane.kill('SIGTERM')
    await plane.waitForOutput(/stopping/)
    const ready = await sendForAnswer({ port: plane.ports.admin, path: '/readyz' })
    expect(ready).toMatchObject({ status: 503, text: expect.stringContaining('[-] running: stopping') })
    await expect(sendForAnswer({ port: plane.ports.http, path: '/exapps/demo/public' })).rejects.toThrow('ECONNREFUSED')
    upload.end('the second half')
    expect(await status).toBe(200)
    expect(await plane.exited).toEqual({ code: 0, signal: null })
  })

  it('cuts what does not finish in time', async () => {
    const plane = await start('500ms')
    const { status } = await running(plane, '/exapps/demo/hang')
    const socket = new WebSocket(`ws://127.0.0.1:${plane.ports.http}/exapps/demo/ws`)
    await new Promise((resolve) => socket.once('open', resolve))
    const closed = new Promise((resolve) => socket.once('close', resolve))
    socket.on('error', () => {})
    plane.kill('SIGTERM')
    await expect(status).rejects.toThrow(/socket hang up|ECONNRESET/)
    await closed
    expect(await plane.exited).toEqual({ code: 0, signal: null })
  })

  it('ends at once at the second signal', async () => {
    const plane = await start('60s')
    const { status } = await running(plane, '/exapps/demo/hang')
    plane.kill('SIGTERM')
    await plane.waitForOutput(/stopping/)
    plane.kill('SIGINT')
    await expect(status).rejects.toThrow(/hang up|ECONNRESET/)
    expect(await plane.exited).toEqual({ code: 1, signal: null })
  })
})
