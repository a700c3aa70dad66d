import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sendForAnswer } from '../support/send.ts'
import { type HttpExApp, startHttpExApp } from './http-exapp.ts'
import { connectRaw } from './raw-client.ts'
import { type Stage, setStage } from './stage.ts'

const head = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`

describe('an answer that takes its time', () => {
  let stage: Stage
  let exApp: HttpExApp
  /** The running answer of the ExApp, for the test to write on. */
  let answering: Promise<ServerResponse>

  beforeAll(async () => {
    stage = await setStage({ HP_TIMEOUT_SERVER: '2s', HP_TIMEOUT_CLIENT: '1s' })
    exApp = await startHttpExApp(() => {})
    answering = nextAnswer()
    stage.nextcloud.addExApp({ appId: 'own', port: exApp.port, routes: [{ url: '.*', access_level: 0 }] })
  })
  afterAll(async () => {
    await stage.close()
    await exApp.close()
  })

  const nextAnswer = async (): Promise<ServerResponse> => {
    const [, response] = (await once(exApp.server, 'request')) as [unknown, ServerResponse]
    return response
  }

  it('shows its head at once and each event within 100 ms, before there is another', async () => {
    answering = nextAnswer()
    const client = await connectRaw(stage.port)
    client.write(head('/exapps/own/events'))
    const response = await answering
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.flushHeaders()
    expect(await client.until('\r\n\r\n')).toContain('content-type: text/event-stream')
    const delays: number[] = []
    for (let event = 1; event <= 20; event++) {
      const sentAt = performance.now()
      response.write(`data: ${event}\n\n`)
      // A proxy that waits for more before it passes something on would wait for ever here.
      await client.until(`data: ${event}\n\n`)
      delays.push(performance.now() - sentAt)
    }
    // The median: a busy machine may hold up one of them.
    expect(delays.toSorted((a, b) => a - b)[10]).toBeLessThan(100)
    response.end()
    await client.until('\r\n0\r\n\r\n')
    client.socket.destroy()
  })

  it('may have gaps longer than a client may be silent, and nearly as long as HP_TIMEOUT_SERVER', async () => {
    const answer = await sendForAnswer({ port: stage.port, path: '/exapps/demo/stream?events=3&intervalMs=1300' })
    expect(answer.text).toBe('data: 1\n\ndata: 2\n\ndata: 3\n\n')
  })

  it('may come as late as that, as long polls do', async () => {
    expect(await sendForAnswer({ port: stage.port, path: '/exapps/demo/slow?ms=1300' })).toMatchObject({ status: 200 })
  })

  it('becomes a 504 when the ExApp stays silent, and the ExApp is told that nobody waits any more', async () => {
    const answer = await sendForAnswer({ port: stage.port, path: '/exapps/demo/hang' })
    expect(answer).toMatchObject({ status: 504, text: '504 Gateway Timeout' })
    await expect.poll(() => stage.exApp.requests.at(-1)).toMatchObject({ url: '/hang', state: 'aborted' })
    expect(stage.plane.log.at(-1)).toMatchObject({ outcome: 'timeout', status: 504, level: 'error' })
  })

  it('is cut where the ExApp stopped in the middle, so that the client sees that the rest is missing', async () => {
    answering = nextAnswer()
    const client = await connectRaw(stage.port)
    client.write(head('/exapps/own/stops'))
    const response = await answering
    response.write('half of it')
    const received = await client.closed
    expect(received).toMatch(/\r\na\r\nhalf of it\r\n$/)
    expect(response.destroyed).toBe(true)
    expect(stage.plane.log.at(-1)).toMatchObject({ outcome: 'timeout' })
  })
})
