import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import path from 'node:path'
import { Readable } from 'node:stream'
import { expect, it } from 'vitest'
import { hashOf, hashStream, piecesOf } from './hashes.ts'
import { POOL_SIZE, Rig, describeWithFrpc } from './rig.ts'

const MIB = 1024 * 1024

describeWithFrpc('through a tunnel', (version) => {
  for (const tls of [false, true]) {
    const transport = tls ? 'mutual TLS' : 'plain TCP'

    it(`16 MiB go up and 64 MiB come down unchanged, over ${transport}`, async () => {
      const sent = randomBytes(16 * MIB)
      const answer = randomBytes(64 * MIB)
      await using rig = await Rig.start({ tls })
      await using _backend = await startBackend(path.join(rig.folder, 'bytes.sock'), answer)
      await rig.connect({ version, unixSocket: 'bytes.sock' })
      const pool = rig.pool()

      const upload = await pool.request({ path: '/', method: 'POST', body: Readable.from(piecesOf(sent)) })
      expect(await upload.body.text()).toBe(hashOf(sent))

      const download = await pool.request({ path: '/', method: 'GET' })
      expect(await hashStream(download.body)).toBe(hashOf(answer))
      expect(rig.registry.get(23_000)?.bytesReceived).toBeGreaterThan(64 * MIB)
      expect(rig.registry.get(23_000)?.bytesSent).toBeGreaterThan(16 * MIB)
    })
  }

  it('100 requests at once are all answered, each with its own answer, and their streams are used again', async () => {
    await using rig = await Rig.start({ tls: true })
    await rig.connect({ version })
    const pool = rig.pool()
    for (let round = 0; round < 2; round += 1) {
      const answers = await Promise.all(
        Array.from({ length: 100 }, async (_, index) => {
          const response = await pool.request({ path: `/slow?ms=50&index=${index}`, method: 'GET' })
          return response.body.json() as Promise<{ url: string }>
        }),
      )
      expect(answers.map(({ url }) => url)).toEqual(answers.map((_, index) => `/slow?ms=50&index=${index}`))
    }
    // 200 requests, and the pool has at most this many streams
    // An old frpc is asked beforehand whether it reaches its ExApp, with a connection of its own for those that open at once.
    expect(rig.exapp.connectionCount).toBeLessThanOrEqual(version === '0.61.1' ? 2 * POOL_SIZE : POOL_SIZE)
    expect(rig.registry.get(23_000)?.openStreams).toBeLessThanOrEqual(POOL_SIZE)
  })
})

/** Answers GET with `answer`, and POST with the hash of what was sent. */
async function startBackend(socket: string, answer: Buffer): Promise<AsyncDisposable> {
  const server = createServer((request, response) => {
    if (request.method === 'GET') response.end(answer)
    else void hashStream(request).then((hash) => response.end(hash))
  })
  server.listen(socket)
  await once(server, 'listening')
  return {
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
