import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { gunzipSync } from 'node:zlib'
import { Client } from 'undici'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { startExApp } from './exapp.ts'
import type { ExAppStandIn } from './exapp.ts'

let exapp: ExAppStandIn
beforeEach(async () => {
  exapp = await startExApp({ listen: { port: 0 } })
})
afterEach(() => exapp.close())

it('listens on a unix socket', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'exapp-'))
  const unixSocket = join(folder, 'exapp.sock')
  const onSocket = await startExApp({ listen: { unixSocket } })
  const client = new Client(onSocket.url, { socketPath: unixSocket })
  try {
    const response = await client.request({ method: 'GET', path: '/heartbeat' })
    expect(await response.body.json()).toEqual({ status: 'ok' })
    expect(onSocket.port).toBeUndefined()
  } finally {
    await client.close()
    await onSocket.close()
    await rm(folder, { recursive: true })
  }
})

it('echoes the request target byte for byte, with header lines as they came', async () => {
  const client = new Client(exapp.url)
  const path = '/p//a/./b%2f%20c?x=1&y=%2F'
  const response = await client.request({ method: 'POST', path, headers: { 'X-Mixed': 'Case' }, body: 'hello' })
  const echo = (await response.body.json()) as { rawHeaders: string[] }
  expect(echo).toMatchObject({
    method: 'POST',
    url: path,
    body: { length: 5, sha256: createHash('sha256').update('hello').digest('hex') },
  })
  expect(echo.rawHeaders[echo.rawHeaders.indexOf('X-Mixed') + 1]).toBe('Case')
  expect(exapp.requests.map(({ method, url }) => ({ method, url }))).toEqual([{ method: 'POST', url: path }])
  await expect.poll(() => exapp.requests[0]?.state).toBe('answered')
  await client.close()
})

it.each([
  ['/status/418', 418, 'status 418\n'],
  ['/status/204', 204, ''],
  ['/status/304', 304, ''],
  ['/early', 413, 'too large\n'],
  ['/slow?ms=1', 200, undefined],
])('answers %s with %i', async (path, status, body) => {
  const response = await fetch(exapp.url + path)
  expect(response.status).toBe(status)
  const received = await response.text()
  expect(body === undefined || received === body).toBe(true)
})

it('announces the length of a HEAD answer without sending it', async () => {
  const response = await fetch(`${exapp.url}/big?bytes=1000`, { method: 'HEAD' })
  expect(response.headers.get('content-length')).toBe('1000')
  expect(await response.text()).toBe('')
})

it.each([
  ['with Content-Length', '', '200000'],
  ['chunked', '&chunked', null],
])('streams many bytes %s', async (_, flag, length) => {
  const response = await fetch(`${exapp.url}/big?bytes=200000${flag}`)
  expect(response.headers.get('content-length')).toBe(length)
  expect(await response.text()).toBe('x'.repeat(200_000))
})

it('hashes an upload', async () => {
  const body = Buffer.alloc(3_000_000, 'upload')
  const response = await fetch(`${exapp.url}/upload`, { method: 'PUT', body })
  expect(await response.json()).toEqual({
    length: body.length,
    sha256: createHash('sha256').update(body).digest('hex'),
  })
})

it('sends server-sent events one by one', async () => {
  const response = await fetch(`${exapp.url}/stream?events=3&intervalMs=5`)
  expect(response.headers.get('content-type')).toBe('text/event-stream')
  expect(await response.text()).toBe('data: 1\n\ndata: 2\n\ndata: 3\n\n')
})

it('stops an endless stream when the reader goes away, and says so', async () => {
  const reader = new AbortController()
  await fetch(`${exapp.url}/stream`, { signal: reader.signal })
  reader.abort()
  await expect.poll(() => exapp.requests[0]?.state).toBe('aborted')
})

it('keeps a compressed body as it is', async () => {
  const client = new Client(exapp.url)
  const response = await client.request({ method: 'GET', path: '/gzip' })
  expect(response.headers['content-encoding']).toBe('gzip')
  const body = gunzipSync(Buffer.from(await response.body.arrayBuffer()))
  expect(String(body)).toBe('compressed by the ExApp\n'.repeat(100))
  await client.close()
})

it('sends trailers, and tells those it got', async () => {
  const client = new Client(exapp.url)
  const response = await client.request({ method: 'GET', path: '/trailers' })
  await response.body.text()
  expect(response.trailers).toEqual({ 'x-checksum': 'abc' })
  await client.close()

  const upload = httpRequest(`${exapp.url}/upload`, { method: 'POST', headers: { Trailer: 'X-Sum' } })
  upload.write('body')
  upload.addTrailers({ 'X-Sum': '4' })
  upload.end()
  const [answer] = await once(upload, 'response')
  await text(answer)
  expect(exapp.requests.at(-1)?.trailers).toEqual({ 'x-sum': '4' })
})

it('says 100 Continue, but not when it answers early', async () => {
  async function firstLine(path: string): Promise<string> {
    const socket = connect(exapp.port ?? 0, '127.0.0.1')
    socket.write(`POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n`)
    const [chunk] = await once(socket, 'data')
    socket.destroy()
    return String(chunk).split('\r\n', 1)[0] ?? ''
  }
  expect(await firstLine('/upload')).toBe('HTTP/1.1 100 Continue')
  expect(await firstLine('/early')).toBe('HTTP/1.1 413 Payload Too Large')
})

it.each(['/reset', '/close'])('breaks the connection on %s', async (path) => {
  await expect(fetch(exapp.url + path)).rejects.toThrow('fetch failed')
})

it('cuts a body short', async () => {
  const response = await fetch(`${exapp.url}/cut?bytes=5`)
  expect(response.headers.get('content-length')).toBe('6')
  await expect(response.text()).rejects.toThrow('terminated')
})

it('tells the page who is there without giving away the token', async () => {
  const signature = Buffer.from('us:er:tok').toString('base64')
  const response = await fetch(`${exapp.url}/whoami`, { headers: { 'authorization-app-api': signature } })
  expect(await response.text()).toBe('{"user":"us:er"}')
  expect(await (await fetch(`${exapp.url}/page`)).text()).toContain('Hello from the ExApp')
})

it('echoes WebSocket messages, text as text and bytes as bytes', async () => {
  const socket = new WebSocket(`${exapp.url.replace('http', 'ws')}/ws?x=1`)
  await once(socket, 'open')
  socket.send('text')
  expect(await once(socket, 'message')).toEqual([Buffer.from('text'), false])
  socket.send(Buffer.from([0, 255]))
  expect(await once(socket, 'message')).toEqual([Buffer.from([0, 255]), true])
  socket.close(4321)
  await expect
    .poll(() => exapp.webSockets)
    .toMatchObject([{ url: '/ws?x=1', received: 2, state: 'closed', closeCode: 4321 }])
})

it('counts on a WebSocket', async () => {
  const socket = new WebSocket(`${exapp.url.replace('http', 'ws')}/counter-ws?intervalMs=1`)
  const [first] = await once(socket, 'message')
  const [second] = await once(socket, 'message')
  expect([String(first), String(second)]).toEqual(['1', '2'])
  socket.terminate()
})

it('refuses WebSockets elsewhere', async () => {
  const socket = new WebSocket(`${exapp.url.replace('http', 'ws')}/public`)
  const [error] = await once(socket, 'error')
  expect(String(error)).toContain('404')
})
