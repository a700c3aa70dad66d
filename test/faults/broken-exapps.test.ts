import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { connectRaw, exchangeRaw } from '../request/raw-client.ts'
import { type RawExApp, type RawRequest, startRawExApp } from '../request/raw-exapp.ts'
import { type Stage, setStage } from '../request/stage.ts'
import { describeWithPeer } from '../support/describe-with-peer.ts'
import type { ChildProcess } from '../support/peers/child-process.ts'
import { type FrpVersion, ensureFrp, frpVersions } from '../support/peers/frp.ts'
import { send } from '../support/send.ts'
import { connectPlainTunnel } from './plain-tunnel.ts'

const mebibyte = 1024 ** 2
const get = 'GET /exapps/raw/x HTTP/1.1\r\nHost: x\r\n\r\n'
const ok = (body: string): string => `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`

describe('an ExApp on TCP', () => {
  promises()

  // frp has no resets: behind a tunnel such a body ends like any other.
  it('that resets its connection in the middle of a body without a length shows the visitor that the rest is missing', async () => {
    const exApp = await startRawExApp((request) => {
      request.answer('HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhalf')
      setTimeout(() => request.socket.resetAndDestroy(), 100)
    })
    onTestFinished(() => exApp.close())
    const stage = await setStage()
    onTestFinished(() => stage.close())
    stage.nextcloud.addExApp({ appId: 'raw', port: exApp.port, routes: [{ url: '.*', access_level: 0 }] })
    expect(await exchangeRaw(stage.port, get)).toMatch(/\r\n4\r\nhalf\r\n$/) // no last chunk
    expect(stage.plane.log.at(-1)).toMatchObject({ outcome: 'closed', app: 'raw' })
  })
})
for (const version of frpVersions) {
  describeWithPeer('an ExApp behind a tunnel', { name: `frpc ${version}`, ensure: () => ensureFrp(version) }, () => promises(version))
}

/** The same promises, whatever the way to the ExApp. */
function promises(version?: FrpVersion): void {
  let stage: Stage
  let exApp: RawExApp
  let frpc: ChildProcess | undefined
  let reply: (request: RawRequest) => void
  beforeAll(async () => {
    stage = await setStage({ HP_TIMEOUT_SERVER: '2s' })
    exApp = await startRawExApp((request) => reply(request))
    stage.nextcloud.addExApp({ appId: 'raw', port: version === undefined ? exApp.port : 23_000, routes: [{ url: '.*', access_level: 0 }] })
    if (version !== undefined) frpc = await connectPlainTunnel({ version, frpPort: stage.plane.ports.frp, localPort: exApp.port })
  })
  afterAll(async () => {
    await frpc?.stop()
    await stage.close()
    await exApp.close()
  })
  beforeEach(async () => {
    reply = (request) => request.answer(ok('fine'))
    for (const { socket } of exApp.requests) socket.destroy()
    await expect.poll(() => exApp.openCount).toBe(0)
  })

  const ask = (method = 'GET') => send({ port: stage.port, path: '/exapps/raw/x', method })
  const expectNextToBeFine = async (): Promise<void> => {
    reply = (request) => request.answer(ok('fine'))
    expect(await ask()).toMatchObject({ status: 200, text: 'fine' })
  }
  const lastLine = () => stage.plane.log.at(-1)

  it.each([
    ['breaks off in the middle of its head', 'HTTP/1.1 200 OK\r\nContent-Le'],
    ['sends a head of which the half is garbage', 'HTTP/1.1 200 OK\r\n\x01\x02\x03\r\n\r\n'],
    ['sends a head without an end', `HTTP/1.1 200 OK\r\n${'X: y\r\n'.repeat(20_000)}`],
    ['speaks another protocol', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
  ])('that %s is a 502 for the visitor, and an error in the log', async (_what, bytes) => {
    reply = (request) => {
      request.answer(bytes)
      request.socket.end()
    }
    expect(await ask('POST')).toMatchObject({ status: 502, text: '502 Bad Gateway' })
    expect(lastLine()).toMatchObject({ outcome: 'closed', status: 502, level: 'error', app: 'raw' })
    await expectNextToBeFine()
  })

  it.each([
    ['with a length', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf', /\r\n\r\nhalf$/],
    ['in chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n', /\r\n4\r\nhalf\r\n$/],
  ])('that resets its connection in the middle of a body %s shows the visitor that the rest is missing', async (_how, bytes, end) => {
    reply = (request) => {
      request.answer(bytes)
      setTimeout(() => request.socket.resetAndDestroy(), 100) // a reset overtakes what has not been read
    }
    expect(await exchangeRaw(stage.port, get)).toMatch(end)
    expect(lastLine()).toMatchObject({ outcome: 'closed', app: 'raw' })
    await expectNextToBeFine()
  })

  it.each([
    ['a size that is none', '4\r\nhalf\r\nnonsense\r\n'],
    ['a chunk that is longer than its size', '4\r\nhalf of it\r\n0\r\n\r\n'],
    ['a size beyond all sizes', '4\r\nhalf\r\nfffffffffffffffffff\r\nx'],
  ])('that sends %s shows the visitor that the rest is missing', async (_what, chunks) => {
    reply = (request) => request.answer(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}`)
    const received = await exchangeRaw(stage.port, get)
    expect(received).not.toMatch(/\r\n0\r\n\r\n$/)
    expect(received).not.toContain('nonsense')
    expect(lastLine()).toMatchObject({ outcome: 'closed', app: 'raw' })
    await expectNextToBeFine()
  })

  it.each([
    ['more than it announced', ok('fine').replace('fine', 'fine, and more')],
    ['two answers to one request', ok('fine') + ok('for somebody else')],
    ['a line after its last chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfine\r\n0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno'],
  ])('that sends %s gives nobody what is too much', async (_what, bytes) => {
    reply = (request) => request.answer(bytes)
    for (let visitor = 0; visitor < 5; visitor++) expect(await ask()).toMatchObject({ status: 200, text: 'fine' })
    expect(exApp.connectionCount).toBeGreaterThanOrEqual(5) // none of them is used again
  })

  it('that accepts and never answers is a 504 after HP_TIMEOUT_SERVER, and its connection is ended', async () => {
    reply = () => {}
    const startedAt = performance.now()
    expect(await ask()).toMatchObject({ status: 504, text: '504 Gateway Timeout' })
    expect(performance.now() - startedAt).toBeGreaterThan(1_900)
    await expect.poll(() => exApp.openCount).toBe(0)
    expect(lastLine()).toMatchObject({ outcome: 'timeout', status: 504, level: 'error' })
  })

  it('that answers and closes before an upload has ended stops the upload', async () => {
    reply = (request) => {
      request.answer('HTTP/1.1 413 Payload Too Large\r\nContent-Length: 9\r\nConnection: close\r\n\r\ntoo large')
      request.socket.end()
    }
    const client = await connectRaw(stage.port)
    client.write(`POST /exapps/raw/x HTTP/1.1\r\nHost: x\r\nContent-Length: ${512 * mebibyte}\r\n\r\n`)
    let taken = 0
    const pour = (): void => void client.socket.write(Buffer.alloc(mebibyte), (error) => error ?? ((taken += mebibyte), pour()))
    pour()
    expect(await client.closed).toMatch(/^HTTP\/1.1 (413|502) /) // the reset that meets our writing may come first
    expect(taken).toBeLessThan(64 * mebibyte)
    await expectNextToBeFine()
  })

  it('that closes a kept connection just when it is used is asked again for a GET, and not for a POST', async () => {
    reply = (request) => {
      if (request.numberOnConnection === 1) request.answer(ok('fine'))
      else request.socket.destroy()
    }
    const count = exApp.requests.length
    expect(await ask()).toMatchObject({ status: 200 })
    expect(await ask()).toMatchObject({ status: 200 })
    expect(exApp.requests.length).toBe(count + 3)
    expect(await ask('POST')).toMatchObject({ status: 502 })
    expect(exApp.requests.length).toBe(count + 4)
  })

  it('that never answers but closes is asked no more than twice', async () => {
    reply = ({ socket }) => socket.destroy()
    const count = exApp.requests.length
    expect(await ask()).toMatchObject({ status: 502 })
    await expectNextToBeFine()
    expect(exApp.requests.length).toBe(count + 2 + 1)
  })
}
