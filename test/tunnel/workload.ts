import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import path from 'node:path'
import { Readable } from 'node:stream'
import type { Duplex } from 'node:stream'
import { expect } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { hashOf, hashStream, piecesOf } from './hashes.ts'
import type { Rig } from './rig.ts'

const MIB = 1024 * 1024
const REQUESTS_AT_ONCE = 100

/** The name of the workload's socket in the rig's folder, for `ClientOptions.unixSocket`. */
export const WORKLOAD_SOCKET = 'workload.sock'

/** Half noise and half text that repeats itself, so that a compressor has both. */
function mixedBytes(mebibytes: number): Buffer {
  const noise = randomBytes((mebibytes * MIB) / 2)
  return Buffer.concat([noise, Buffer.alloc((mebibytes * MIB) / 2, 'what repeats itself is easily compressed. ')])
}

const upload = mixedBytes(32)
const download = mixedBytes(64)

/** A service that answers `/download` and `/upload`, echoes `/number/…` and WebSocket messages. */
export async function startWorkload(rig: Rig): Promise<AsyncDisposable> {
  const server = createServer((request, response) => {
    if (request.url === '/download') response.end(download)
    else if (request.url === '/upload') void hashStream(request).then((hash) => response.end(hash))
    else setTimeout(() => response.end(request.url), 20) // so that all of them run at once
  })
  const sockets = new WebSocketServer({ server })
  sockets.on('connection', (socket) => socket.on('message', (message, binary) => socket.send(message, { binary })))
  server.listen(path.join(rig.folder, WORKLOAD_SOCKET))
  await once(server, 'listening')
  return {
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets.clients) socket.terminate()
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

/** A GET, 32 MiB up, 64 MiB down, 100 requests at once and a WebSocket, all through the tunnel and all compared. */
export async function expectToCarryEverything(rig: Rig): Promise<void> {
  const pool = rig.pool()
  const get = async (url: string) => (await pool.request({ path: url, method: 'GET' })).body.text()
  expect(await get('/number/once')).toBe('/number/once')

  const uploaded = await pool.request({ path: '/upload', method: 'POST', body: Readable.from(piecesOf(upload)) })
  expect(await uploaded.body.text()).toBe(hashOf(upload))

  const downloaded = await pool.request({ path: '/download', method: 'GET' })
  expect(await hashStream(downloaded.body)).toBe(hashOf(download))

  const urls = Array.from({ length: REQUESTS_AT_ONCE }, (_, index) => `/number/${index}`)
  expect(await Promise.all(urls.map(get))).toEqual(urls)

  await expectWebSocketEcho(await rig.dial(23_000, { timeoutMs: 5000 }))
}

async function expectWebSocketEcho(stream: Duplex): Promise<void> {
  const socket = new WebSocket('ws://workload/echo', { createConnection: () => stream })
  await once(socket, 'open')
  for (const message of [Buffer.from('hello'), randomBytes(100_000)]) {
    socket.send(message)
    const [echo] = (await once(socket, 'message')) as [Buffer]
    expect(echo.equals(message)).toBe(true)
  }
  socket.close()
  await once(socket, 'close')
}
