import { createHash, randomBytes } from 'node:crypto'
import { request } from 'node:http'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type HttpExApp, startHttpExApp } from './http-exapp.ts'
import { connectRaw } from './raw-client.ts'
import { type Stage, setStage } from './stage.ts'

const mebibyte = 1024 ** 2
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

/** What lies in kernel buffers on two loopback hops, at most 6 MiB to send and to receive each, plus our own buffers. */
const inBetween = 40 * mebibyte

describe('a body', () => {
  let stage: Stage
  let exApp: HttpExApp
  const content = randomBytes(32 * mebibyte)
  /** Bytes of the endless answer that the ExApp has got rid of, or of the unread upload that it has taken. */
  let sent = 0
  let endlessAnswerEnded = false
  let readUpload = (): void => {}

  beforeAll(async () => {
    stage = await setStage({ HP_TIMEOUT_CLIENT: '3s' })
    exApp = await startHttpExApp((incoming, response) => {
      if (incoming.url === '/content') {
        response.setHeader('content-length', content.length)
        response.end(content)
      } else if (incoming.url === '/endless') {
        const block = Buffer.alloc(mebibyte, 'x')
        const more = (): void => {
          while (!response.destroyed && response.write(block)) sent += block.length
          sent += block.length
        }
        response.on('drain', more).on('close', () => (endlessAnswerEnded = true))
        more()
      } else {
        let count = 0
        readUpload = () => void incoming.on('data', (chunk: Buffer) => (count += chunk.length)).on('end', () => response.end(`${count}`))
      }
    })
    stage.nextcloud.addExApp({ appId: 'own', port: exApp.port, routes: [{ url: '.*', access_level: 0 }] })
  })
  afterAll(async () => {
    await stage.close()
    await exApp.close()
  })

  it.each([['with its length', { 'Content-Length': content.length }], ['in chunks', { 'Transfer-Encoding': 'chunked' }]])('arrives at the ExApp as it was sent, %s', async (_how, headers) => {
    const { text } = await call('/exapps/demo/upload', headers, content)
    expect(JSON.parse(text)).toEqual({ length: content.length, sha256: sha256(content) })
  })

  it('arrives at the client as it was sent', async () => {
    const { bytes } = await call('/exapps/own/content')
    expect(sha256(bytes)).toBe(sha256(content))
  })

  it('stays with the ExApp while the client does not read it, and the client is cut when it never does', async () => {
    sent = 0
    const client = await connectRaw(stage.port)
    client.write('GET /exapps/own/endless HTTP/1.1\r\nHost: x\r\n\r\n')
    await client.until('200 OK')
    client.socket.pause()
    await expect.poll(() => endlessAnswerEnded, { timeout: 15_000 }).toBe(true)
    expect(sent).toBeLessThan(inBetween)
    client.socket.destroy()
    await expect.poll(() => stage.plane.log.at(-1)).toMatchObject({ outcome: 'client-gone', app: 'own' })
  })

  it('that had to wait for its client leaves no time limit behind for the next answer on the connection', async () => {
    const client = await connectRaw(stage.port)
    client.write('GET /exapps/own/content HTTP/1.1\r\nHost: x\r\n\r\n')
    await client.until('\r\n\r\n')
    client.socket.pause()
    const taken = await unchangedFor(500, () => client.socket.bytesRead)
    expect(taken).toBeLessThan(content.length)
    client.socket.resume()
    await expect.poll(() => client.socket.bytesRead, { timeout: 10_000 }).toBeGreaterThan(content.length)
    client.write('GET /exapps/demo/stream?events=2&intervalMs=4000 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    expect(await client.closed).toMatch(/data: 2\n\n\r\n0\r\n\r\n$/)
  })

  it('stays with the client while the ExApp does not read it, however long, and then arrives whole', async () => {
    const bytes = 64 * mebibyte
    const client = await connectRaw(stage.port)
    client.write(`POST /exapps/own/take HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: ${bytes}\r\n\r\n`)
    const block = Buffer.alloc(mebibyte, 'x')
    let taken = 0
    for (let left = bytes; left > 0; left -= block.length) client.socket.write(block, () => (taken += block.length))
    // Longer than a client may stay silent: it is not the slow one.
    const stalled = await unchangedFor(4_000, () => taken)
    expect(stalled).toBeLessThan(inBetween)
    readUpload()
    expect(await client.closed).toMatch(new RegExp(`^HTTP/1.1 200 OK\r\n[^]*\r\n\r\n${bytes}$`))
  })

  async function call(path: string, headers: Record<string, string | number> = {}, body?: Buffer): Promise<{ bytes: Buffer; text: string }> {
    return new Promise((resolve, reject) => {
      const outgoing = request({ host: '127.0.0.1', port: stage.port, path, method: body ? 'POST' : 'GET', headers, agent: false })
      outgoing.on('error', reject).on('response', (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', reject)
        response.on('end', () => resolve({ bytes: Buffer.concat(chunks), text: Buffer.concat(chunks).toString() }))
      })
      outgoing.end(body)
    })
  }
})

/** Waits until a number has not changed for so long, and returns it. */
async function unchangedFor(milliseconds: number, read: () => number): Promise<number> {
  let value = read()
  let since = performance.now()
  await expect
    .poll(
      () => {
        if (read() !== value) since = performance.now()
        value = read()
        return performance.now() - since
      },
      { timeout: 15_000 },
    )
    .toBeGreaterThan(milliseconds)
  return value
}
