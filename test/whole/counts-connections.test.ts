import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect as connectHttp2 } from 'node:http2'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { makeThrowAwayCertificate } from '../../proxy/certificates/throw-away.ts'
import { setStage } from '../request/stage.ts'

const none = { undecided: 0, http1: 0, http2: 0, upgraded: 0 }

it('operators see how many HTTP clients are connected, by listener and by what they speak', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'harpoon-counts-'))
  const { cert, key } = await makeThrowAwayCertificate(Date.now())
  await writeFile(join(folder, 'cert.pem'), cert + key)
  const stage = await setStage({ HARPOON_CERTS_DIR: folder })
  const secure = { port: stage.plane.ports.https ?? 0, host: '127.0.0.1', rejectUnauthorized: false }
  const counts = async (): Promise<Record<string, Record<string, number>>> => {
    const metrics = await (await fetch(`http://127.0.0.1:${stage.plane.ports.admin}/metrics`, { headers: { connection: 'close' } })).text()
    const found: Record<string, Record<string, number>> = {}
    for (const [, listener = '', protocol = '', count] of metrics.matchAll(/^harpoon_http_connections\{listener="(\w+)",protocol="(\w+)"\} (\d+)$/gm)) {
      ;(found[listener] ??= {})[protocol] = Number(count)
    }
    return found
  }
  expect(await counts()).toEqual({ http: none, https: none })

  const silent = [connect(stage.port, '127.0.0.1'), connect(secure.port, '127.0.0.1')]
  const asking = [connect(stage.port, '127.0.0.1'), connectTls({ ...secure, ALPNProtocols: ['http/1.1'] })]
  for (const socket of asking) socket.write('GET /exapps/demo/hang HTTP/1.1\r\nHost: x\r\n\r\n')
  const sessions = [connectHttp2(`http://127.0.0.1:${stage.port}`), connectHttp2(`https://127.0.0.1:${secure.port}`, { rejectUnauthorized: false })]
  const webSockets = [new WebSocket(`ws://127.0.0.1:${stage.port}/exapps/demo/ws`), new WebSocket(`wss://127.0.0.1:${secure.port}/exapps/demo/ws`, { rejectUnauthorized: false })]
  await Promise.all(webSockets.map((socket) => once(socket, 'open')))
  const each = { undecided: 1, http1: 1, http2: 1, upgraded: 1 }
  await expect.poll(counts).toEqual({ http: each, https: each })

  for (const socket of [...silent, ...asking]) socket.on('error', () => {}).destroy()
  for (const session of sessions) session.destroy()
  for (const socket of webSockets) socket.terminate()
  await expect.poll(counts).toEqual({ http: none, https: none })
  await stage.close()
  await rm(folder, { recursive: true, force: true })
})
