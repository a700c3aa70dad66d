import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { send, sendForAnswer } from '../support/send.ts'
import { connectRaw, exchangeRaw, type RawClient } from './raw-client.ts'
import { type RawExApp, type RawRequest, startRawExApp } from './raw-exapp.ts'
import { type Stage, setStage } from './stage.ts'

const mebibyte = 1024 ** 2

/** Writes until it cannot any more; the function returned says how many bytes were taken. */
function pour(client: RawClient): () => number {
  const block = Buffer.alloc(mebibyte)
  let taken = 0
  const more = (): void =>
    void client.socket.write(block, (error) => {
      if (error) return
      taken += block.length
      more()
    })
  more()
  return () => taken
}

describe('when the client goes away', () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await setStage()
  })
  afterAll(() => stage.close())

  const post = (path: string, bytes: number): string => `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: ${bytes}\r\n\r\n`

  it.each([
    ['closes', 'while it waits for the answer', 'GET /exapps/demo/hang HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['resets', 'while it waits for the answer', 'GET /exapps/demo/hang HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['closes', 'in the middle of the answer', 'GET /exapps/demo/stream HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['resets', 'in the middle of the answer', 'GET /exapps/demo/stream HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['closes', 'in the middle of its upload', `${post('/exapps/demo/upload', 1000)}half of it`],
    ['resets', 'in the middle of its upload', `${post('/exapps/demo/upload', 1000)}half of it`],
    ['closes', 'after an upload that is not read', `${post('/exapps/demo/hang', 4)}body`],
    ['resets', 'after an upload that is not read', `${post('/exapps/demo/hang', 4)}body`],
  ])("and %s %s, the ExApp's request ends within 2 s", async (how, _when, request) => {
    const count = stage.exApp.requestCount
    const client = await connectRaw(stage.port)
    client.write(request)
    await expect.poll(() => stage.exApp.requestCount).toBe(count + 1)
    if (request.includes('/stream')) await client.until('data: 1')
    if (how === 'closes') client.socket.end()
    else client.socket.resetAndDestroy()
    await expect.poll(() => stage.exApp.requests.at(-1)?.state, { timeout: 2_000 }).toBe('aborted')
    await expect.poll(() => stage.plane.log.at(-1)).toMatchObject({ outcome: 'client-gone', status: 0, level: 'info' })
    client.socket.destroy()
  })

  it('and the answer is more than it takes, the ExApp stops sending', async () => {
    const client = await connectRaw(stage.port)
    client.write(`GET /exapps/demo/big?bytes=${1024 * mebibyte} HTTP/1.1\r\nHost: x\r\n\r\n`)
    await client.until('200 OK')
    client.socket.destroy()
    await expect.poll(() => stage.exApp.requests.at(-1), { timeout: 2_000 }).toMatchObject({ state: 'aborted' })
  })
})

describe('when the ExApp', () => {
  let stage: Stage
  let exApp: RawExApp
  let reply: (request: RawRequest) => void = () => {}
  beforeAll(async () => {
    stage = await setStage({ HP_BLACKLIST_COUNT: '1000' })
    exApp = await startRawExApp((request) => reply(request))
    stage.nextcloud.addExApp({ appId: 'raw', port: exApp.port, routes: [{ url: '.*', access_level: 0 }] })
  })
  afterAll(async () => {
    await stage.close()
    await exApp.close()
  })

  const ask = (method = 'GET') => send({ port: stage.port, path: '/exapps/raw/x', method })

  it.each(['close', 'reset'])('%ss the connection without an answer, the client gets 502', async (how) => {
    expect(await send({ port: stage.port, path: `/exapps/demo/${how}`, method: 'POST' })).toMatchObject({ status: 502, text: '502 Bad Gateway' })
    expect(stage.plane.log.at(-1)).toMatchObject({ outcome: 'closed', status: 502, level: 'error', app: 'demo' })
  })

  it.each([
    ['no HTTP', 'SSH-2.0-OpenSSH_9.6\r\n\r\n'],
    ['half a head', 'HTTP/1.1 200 OK\r\nContent-'],
    ['a head beyond 64 KiB', `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(70 * 1024)}\r\n\r\n`],
    ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab'],
    ['a length and chunks', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['101 to a request that asked for no upgrade', 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'],
    ['a zero byte in its head', 'HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n'],
    ['a status of two digits', 'HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n'],
    ['a status below 100', 'HTTP/1.1 042 OK\r\nContent-Length: 0\r\n\r\n'],
  ])('answers with %s, the client gets 502', async (_what, bytes) => {
    reply = (request) => {
      request.answer(bytes)
      request.socket.end()
    }
    expect(await ask('POST')).toMatchObject({ status: 502 })
  })

  it.each([
    ['its length', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf', /\r\n\r\nhalf$/],
    ['its last chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n', /\r\n\r\n4\r\nhalf\r\n$/],
  ])('ends its body before %s, the client sees that the rest is missing', async (_what, bytes, end) => {
    reply = (request) => {
      request.answer(bytes)
      request.socket.end()
    }
    expect(await exchangeRaw(stage.port, 'GET /exapps/raw/x HTTP/1.1\r\nHost: x\r\n\r\n')).toMatch(end)
    expect(stage.plane.log.at(-1)).toMatchObject({ outcome: 'closed', app: 'raw' })
    await expect(sendForAnswer({ port: stage.port, path: '/exapps/demo/cut?bytes=100000' })).rejects.toThrow('aborted')
  })

  it('answers before it has read the body, the client gets that answer, and soon no more of its body is taken', async () => {
    reply = (request) => {
      request.socket.pause()
      request.answer('HTTP/1.1 413 Payload Too Large\r\nContent-Length: 9\r\n\r\ntoo large')
    }
    const client = await connectRaw(stage.port)
    client.write(`POST /exapps/raw/x HTTP/1.1\r\nHost: x\r\nContent-Length: ${512 * mebibyte}\r\n\r\n`)
    const taken = pour(client)
    expect(await client.closed).toMatch(/^HTTP\/1.1 413 Payload Too Large\r\n[^]*too large$/)
    expect(taken()).toBeLessThan(64 * mebibyte)
    exApp.requests.at(-1)?.socket.destroy()
  })

  it('answers like that and closes at once, the client gets an answer all the same', async () => {
    const client = await connectRaw(stage.port)
    client.write(`POST /exapps/demo/early HTTP/1.1\r\nHost: x\r\nContent-Length: ${512 * mebibyte}\r\n\r\n`)
    const taken = pour(client)
    // Node reports the reset that meets our writing before it reads what came ahead of it: then it is a 502.
    expect(await client.closed).toMatch(/^HTTP\/1.1 (413|502) /)
    expect(taken()).toBeLessThan(64 * mebibyte)
  })

  it('answers before it has read a small body, the connection goes on', async () => {
    const client = await connectRaw(stage.port)
    client.write('POST /exapps/demo/early HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n\r\nhalf')
    await client.until('too large\n')
    client.write('halfGET /exapps/demo/status/418 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    expect(await client.closed).toMatch(/HTTP\/1.1 418 /)
  })
})

describe('a connection to the ExApp', () => {
  let stage: Stage
  let exApp: RawExApp
  beforeAll(async () => {
    stage = await setStage()
    // Closes each connection when a second request comes on it, as a server does that lost patience just then.
    exApp = await startRawExApp((request) => {
      if (request.numberOnConnection === 1) request.answer('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
      else request.socket.destroy()
    })
    stage.nextcloud.addExApp({ appId: 'raw', port: exApp.port, routes: [{ url: '.*', access_level: 0 }] })
  })
  afterAll(async () => {
    await stage.close()
    await exApp.close()
  })

  const ask = (method: string, app = 'raw', body?: string) => send({ port: stage.port, path: `/exapps/${app}/x`, method, ...(body === undefined ? {} : { body, headers: { 'Content-Length': `${body.length}` } }) })

  it('serves one request after the other, whoever asks', async () => {
    for (const method of ['GET', 'HEAD', 'POST', 'GET']) expect(await ask(method, 'demo', method === 'POST' ? 'body' : undefined)).toMatchObject({ status: 200 })
    await sendForAnswer({ port: stage.port, path: '/exapps/demo/status/204' })
    await sendForAnswer({ port: stage.port, path: '/exapps/demo/status/304' })
    expect(stage.exApp.connectionCount).toBe(1)
  })

  it('is not used again after a body that was cut', async () => {
    const before = stage.exApp.connectionCount
    await send({ port: stage.port, path: '/exapps/demo/cut' }).catch(() => {})
    expect(await ask('GET', 'demo')).toMatchObject({ status: 200 })
    expect(stage.exApp.connectionCount).toBe(before + 1)
  })

  it.each(['GET', 'HEAD', 'OPTIONS'])('that the ExApp closes just then costs a %s nothing: it is sent once more', async (method) => {
    const first = await connectedOnce()
    expect(await ask(method)).toMatchObject({ status: 200 })
    expect(exApp.requests.length).toBe(first + 2)
  })

  it.each([
    ['POST', undefined],
    ['POST', 'body'],
    ['PUT', 'body'],
    ['PATCH', 'body'],
    ['DELETE', undefined],
    ['GET', 'body'],
  ])('that the ExApp closes just then ends a %s: it may have had its effect (body: %j)', async (method, body) => {
    const first = await connectedOnce()
    expect(await ask(method, 'raw', body)).toMatchObject({ status: 502 })
    expect(exApp.requests.length).toBe(first + 1)
  })

  /** Leaves one kept connection that has served a request; returns how many requests there were. */
  async function connectedOnce(): Promise<number> {
    for (const request of exApp.requests) request.socket.destroy()
    await expect.poll(() => exApp.openCount).toBe(0)
    expect(await ask('GET')).toMatchObject({ status: 200 })
    return exApp.requests.length
  }

  it('that is idle is closed by us before the ExApp does, after 4 s', async () => {
    const request = exApp.requests.at(-1)
    await connectedOnce()
    const idle = exApp.requests.at(-1)?.socket
    if (!idle || idle === request?.socket) throw new Error('no new connection')
    const since = performance.now()
    await once(idle, 'end')
    expect(performance.now() - since).toBeLessThan(5_000)
    expect(exApp.openCount).toBeLessThanOrEqual(1)
  })
})
