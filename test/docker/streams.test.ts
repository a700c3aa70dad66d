import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises'
import { expect, it, vi } from 'vitest'
import { describeWithPeer } from '../support/describe-with-peer.ts'
import { frp } from '../support/peers/frp.ts'
import { EngineStage } from './engine-stage.ts'
import { startStandInEngine } from './stand-in-engine.ts'

const pull = { method: 'POST', path: '/v1.44/images/create?fromImage=ghcr.io%2Fa%2Fb%3Alatest' }
const line = (status: string): string => `${JSON.stringify({ id: 'layer', status })}\r\n`

describeWithPeer('what an engine streams', frp('0.61.1'), () => {
  for (const way of ['the local socket', 'a tunnel'] as const) {
    /** A stage with one engine, whose answer to the call that comes is the test's to write. */
    async function setStage(): Promise<{
      stage: EngineStage
      engine: string
      replies: { incoming: IncomingMessage; reply: ServerResponse }[]
    }> {
      const stage = await EngineStage.set({ localSocket: way === 'a tunnel' ? 'none.sock' : 'docker.sock' })
      const replies: { incoming: IncomingMessage; reply: ServerResponse }[] = []
      const engine = await startStandInEngine(stage.socket('docker.sock'), {
        answer: (incoming, reply) => replies.push({ incoming, reply }),
      })
      stage.alsoClose(() => engine.close())
      if (way === 'the local socket') return { stage, engine: '24000', replies }
      await stage.connectEngine({ version: '0.61.1', remotePort: 24_001, socketPath: stage.socket('docker.sock') })
      return { stage, engine: '24001', replies }
    }
    const newest = async <T>(list: T[]): Promise<T> => {
      await vi.waitUntil(() => list.length > 0)
      return list.at(-1) as T
    }

    it(`reaches the client line by line as it comes through ${way}`, async () => {
      const { stage, engine, replies } = await setStage()
      await using _ = stage
      const opening = stage.open({ ...pull, engine, headers: { connection: 'close' } })
      const { reply } = await newest(replies)
      reply.writeHead(200, { 'content-type': 'application/json' })
      reply.write(line('Pulling from a/b')) // before the first line an engine may still have to say that it fails
      const answer = await opening
      expect(answer).toMatchObject({
        statusCode: 200,
        headers: { 'content-type': 'application/json', 'transfer-encoding': 'chunked' },
      })
      const [first] = (await once(answer, 'data')) as [Buffer]
      expect(first.toString('utf8')).toBe(line('Pulling from a/b'))
      for (const status of ['Pulling fs layer', 'Downloading', 'Download complete']) {
        reply.write(line(status))
        const [chunk] = (await once(answer, 'data')) as [Buffer]
        expect(chunk.toString('utf8')).toBe(line(status))
        await turn()
      }
      reply.end()
      await once(answer, 'end')
    })

    it(`ends for the engine when the client leaves, through ${way}`, async () => {
      const { stage, engine, replies } = await setStage()
      await using _ = stage
      const opening = stage.open({ ...pull, engine })
      const { reply } = await newest(replies)
      reply.writeHead(200).write(line('Downloading'))
      const answer = await opening
      answer.destroy()
      await once(reply, 'close')
      expect(reply.writableFinished).toBe(false)
    })

    it(`ends for the client when the engine breaks off, through ${way}`, async () => {
      const { stage, engine, replies } = await setStage()
      await using _ = stage
      const opening = stage.open({ ...pull, engine })
      const { reply, incoming } = await newest(replies)
      reply.writeHead(200).write(line('Downloading'))
      const answer = await opening
      answer.resume()
      incoming.socket.destroy()
      await expect(once(answer, 'end')).rejects.toThrow('aborted')
    })
  }

  it('may pause for longer than connecting and pinging may take: a registry can be slow', async () => {
    const stage = await EngineStage.set({ localSocket: 'docker.sock', environment: { HP_TIMEOUT_CONNECT: '100ms' } })
    await using _ = stage
    const engine = await startStandInEngine(stage.socket('docker.sock'), {
      answer: (_incoming, reply) => void delay(1_500).then(() => reply.end('late')), // the pause is what is tried
    })
    stage.alsoClose(() => engine.close())
    expect(await stage.call({ ...pull, engine: '24000' })).toMatchObject({ status: 200, text: 'late' })
  })

  it('goes at the pace of the client', async () => {
    const stage = await EngineStage.set({ localSocket: 'docker.sock' })
    await using _ = stage
    let written = 0
    const piece = Buffer.alloc(64 * 1024)
    const server = createServer((incoming, reply) => {
      if (incoming.url === '/version') return void reply.end('{"ApiVersion":"1.47"}')
      const fill = (): void => {
        while (!reply.destroyed && reply.write(piece)) written += piece.length
      }
      reply.on('drain', fill)
      fill()
    })
    server.listen(stage.socket('docker.sock'))
    await once(server, 'listening')
    stage.alsoClose(async () => {
      server.close()
      server.closeAllConnections()
    })
    const answer = await stage.open({ path: '/containers/nc_app_x/logs', engine: '24000' })
    answer.pause()
    let before = -1
    await vi.waitUntil(
      () => {
        const isStill = before === written
        before = written
        return isStill
      },
      { interval: 300, timeout: 10_000 },
    )
    expect(written).toBeLessThan(32 * 1024 * 1024) // what sockets hold, nothing gathered
    answer.destroy()
  })
})
