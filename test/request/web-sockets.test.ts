import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type ClientOptions, WebSocket, WebSocketServer } from 'ws'
import { type HttpExApp, startHttpExApp } from './http-exapp.ts'
import { connectRaw, exchangeRaw } from './raw-client.ts'
import { freshClient, type Stage, setStage, userCookie } from './stage.ts'

/** A frame as a client has to send it: masked, here with zeros, so that the payload can be read. */
const frame = (text: string): string => `\x81${String.fromCharCode(0x80 | text.length)}\0\0\0\0${text}`

const bodyOf = (answer: string): string => answer.slice(answer.indexOf('\r\n\r\n') + 4)

const handshake = (path: string, more = ''): string =>
  `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n${more}\r\n`

describe('a WebSocket', () => {
  let stage: Stage
  let exApp: HttpExApp
  const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: true, handleProtocols: (offered) => [...offered].at(-1) ?? false })

  beforeAll(async () => {
    stage = await setStage({ HP_TIMEOUT_TUNNEL: '300ms', HP_TIMEOUT_SERVER: '1s', HP_BLACKLIST_COUNT: '3' })
    exApp = await startHttpExApp((_request, response) => response.end('plain'))
    exApp.server.on('upgrade', (request, socket, head) => {
      socket.on('error', () => {})
      if (request.url === '/refuse') socket.end('HTTP/1.1 401 Unauthorized\r\nX-Why: caf\xe9\r\nContent-Length: 9\r\n\r\nnot today', 'latin1')
      else if (request.url === '/silent') socket.resume().on('end', () => socket.destroy())
      else if (request.url === '/garbage') socket.end('SSH-2.0-OpenSSH_9.6\r\n\r\n')
      else if (request.url === '/gone') socket.destroy()
      else if (request.url === '/bytes') socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-Bytes: caf\xe9\r\n\r\n', 'latin1', () => socket.end())
      else if (request.url === '/late') {
        socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n')
        let received = ''
        socket.on('data', (chunk: Buffer) => (received += chunk.toString())).on('end', () => socket.end(`${received} was all`))
      } else sockets.handleUpgrade(request, socket, head, (peer) => peer.send('hello'))
    })
    stage.nextcloud.addExApp({ appId: 'own', port: exApp.port, routes: [{ url: '.*', access_level: 0 }] })
  })
  afterAll(async () => {
    for (const peer of sockets.clients) peer.terminate()
    await stage.close()
    await exApp.close()
  })

  const open = async (path: string, options: ClientOptions = {}, protocols: string[] = []): Promise<WebSocket> => {
    const socket = new WebSocket(`ws://127.0.0.1:${stage.port}${path}`, protocols, { localAddress: freshClient(), ...options })
    socket.on('error', () => {})
    await Promise.race([once(socket, 'open'), once(socket, 'error').then(([error]) => Promise.reject(error as Error))])
    return socket
  }
  const openNow = async (): Promise<number> => {
    const metrics = await (await fetch(`http://127.0.0.1:${stage.plane.ports.admin}/metrics`, { headers: { connection: 'close' } })).text()
    return Number(/^harpoon_upgraded_connections (\d+)$/m.exec(metrics)?.[1])
  }

  it('echoes text and binary frames of 1 MiB, is counted while it is open, and leaves one line in the log', async () => {
    const socket = await open('/exapps/demo/ws')
    expect(await openNow()).toBe(1)
    const binary = randomBytes(1024 * 1024)
    for (const message of ['x'.repeat(1024 * 1024), binary, '']) {
      socket.send(message)
      const [echo, isBinary] = (await once(socket, 'message')) as [Buffer, boolean]
      expect(isBinary).toBe(message === binary)
      expect(Buffer.from(message).equals(echo)).toBe(true)
    }
    socket.close(1000)
    await once(socket, 'close')
    await expect.poll(openNow).toBe(0)
    const lines = stage.plane.log.filter((line) => line['path'] === '/exapps/demo/ws')
    expect(lines).toMatchObject([{ level: 'info', msg: 'forwarded', status: 101, app: 'demo', method: 'GET' }])
  })

  it('is open to the visitors that its route admits, and the ExApp hears of no others', async () => {
    const before = stage.exApp.webSockets.length
    stage.nextcloud.addExApp({ appId: 'members', exapp_token: 'members-token', port: stage.exApp.port ?? 0, routes: [{ url: '^/ws', access_level: 1 }] })
    await expect(open('/exapps/members/ws')).rejects.toThrow('403')
    expect(stage.exApp.webSockets).toHaveLength(before)
    const socket = await open('/exapps/members/ws', { headers: { cookie: userCookie } })
    expect(stage.exApp.webSockets.at(-1)?.headers['authorization-app-api']).toBe(Buffer.from('usr:members-token').toString('base64'))
    socket.close()
    await once(socket, 'close')
  })

  it('agrees with the ExApp on subprotocol and extensions', async () => {
    const socket = await open('/exapps/own/x', { perMessageDeflate: { threshold: 0 } }, ['one', 'two'])
    expect(socket.protocol).toBe('two')
    expect(socket.extensions).toBe('permessage-deflate')
    socket.close()
    await once(socket, 'close')
  })

  it("shows the client the ExApp's refusal in its own words", async () => {
    const answer = await exchangeRaw(stage.port, handshake('/exapps/own/refuse'))
    expect(answer).toMatch(/^HTTP\/1.1 401 Unauthorized\r\n[^]*X-Why: caf\xe9\r\n[^]*\r\n\r\nnot today$/)
  })

  it.each(['', 'Sec-WebSocket-Key: short\r\n', 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==, BBBBBBBBBBBBBBBBBBBBBB==\r\n'])('is refused with 400 when its key is malformed: %j', async (key) => {
    const answer = await exchangeRaw(stage.port, `GET /exapps/own/x HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n${key}\r\n`)
    expect(answer).toMatch(/^HTTP\/1.1 400 /)
  })

  it('gets 503 when the ExApp is down, 502 when it hangs up or speaks no HTTP, 504 when it says nothing', async () => {
    stage.nextcloud.addExApp({ appId: 'down', port: 1, routes: [{ url: '.*', access_level: 0 }] })
    await expect(open('/exapps/down/x')).rejects.toThrow('503')
    await expect(open('/exapps/own/gone')).rejects.toThrow('502')
    await expect(open('/exapps/own/garbage')).rejects.toThrow('502')
    await expect(open('/exapps/own/silent')).rejects.toThrow('504')
  })

  it('is closed when nothing moved for HP_TIMEOUT_TUNNEL, on both sides', async () => {
    const socket = await open('/exapps/demo/ws')
    const openedAt = performance.now()
    await once(socket, 'close')
    expect(performance.now() - openedAt).toBeGreaterThan(250)
    expect(performance.now() - openedAt).toBeLessThan(5_000)
    await expect.poll(() => stage.exApp.webSockets.at(-1)?.state).toBe('closed')
    await expect.poll(openNow).toBe(0)
  })

  it.each([
    ['the ExApp', '/exapps/demo/counter-ws?intervalMs=100'],
    ['the client', '/exapps/demo/ws?silent'],
  ])('stays open while %s alone sends something', async (who, path) => {
    const socket = await connectRaw(stage.port)
    socket.write(handshake(path))
    await socket.until('\r\n\r\n')
    const client = who === 'the client' ? setInterval(() => socket.write(frame('x')), 100) : undefined
    const openedAt = performance.now()
    await expect.poll(() => performance.now() - openedAt, { interval: 50, timeout: 5_000 }).toBeGreaterThan(1_200)
    expect(socket.socket.closed).toBe(false)
    clearInterval(client)
    socket.socket.destroy()
    await expect.poll(openNow).toBe(0)
  })

  it.each([
    ['closes', (socket: WebSocket) => socket.close(4000)],
    ['is lost', (socket: WebSocket) => socket.terminate()],
  ])('ends for the ExApp when the client %s, and the other way round', async (_how, end) => {
    const first = await open('/exapps/own/x')
    const [serverSide] = [...sockets.clients]
    if (!serverSide) throw new Error('the ExApp has no connection')
    const seen = once(serverSide, 'close')
    end(first)
    await seen

    const second = await open('/exapps/own/x')
    const closed = once(second, 'close')
    for (const peer of sockets.clients) end(peer)
    await closed
    await expect.poll(openNow).toBe(0)
  })

  it('loses no byte that comes right behind a handshake', async () => {
    const client = await connectRaw(stage.port)
    client.write(handshake('/exapps/demo/ws') + frame('early') + frame('bird'))
    expect(bodyOf(await client.until('bird'))).toBe('\x81\x05early\x81\x04bird')
    client.socket.destroy()
    const other = await connectRaw(stage.port)
    other.write(handshake('/exapps/own/x')) // this ExApp says hello right behind its own head
    expect(bodyOf(await other.until('hello'))).toBe('\x81\x05hello')
    other.socket.destroy()
  })

  it('lets one side finish when the other has said its last word', async () => {
    const client = await connectRaw(stage.port)
    client.write('GET /exapps/own/late HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n')
    await client.until('\r\n\r\n')
    client.socket.end('this')
    expect(bodyOf(await client.closed)).toBe('this was all')
  })

  it('may bring header bytes from 0x80 to 0xFF', async () => {
    const client = await connectRaw(stage.port)
    client.write(handshake('/exapps/own/bytes'))
    expect(await client.until('\r\n\r\n')).toContain('\r\nX-Bytes: caf\xe9\r\n')
    client.socket.destroy()
  })

  it.each(['closes', 'resets'])('is given up at the ExApp when the client %s before there is an answer', async (how) => {
    const asked = once(exApp.server, 'upgrade')
    const client = await connectRaw(stage.port)
    client.write(handshake('/exapps/own/silent'))
    const [, upstream] = (await asked) as [unknown, NodeJS.ReadableStream]
    const gone = once(upstream.resume(), 'end')
    if (how === 'closes') client.socket.destroy()
    else client.socket.resetAndDestroy()
    await gone
    await expect.poll(() => stage.plane.log.at(-1)).toMatchObject({ outcome: 'client-gone' })
  })

  it.each([
    ['h2c, which is no wish to leave HTTP', 'Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n', ''],
    ['websocket, but with a body', 'Upgrade: websocket\r\nContent-Length: 4\r\n', 'body'],
  ])('is not what a request for %s becomes', async (_what, lines, body) => {
    const answer = await exchangeRaw(stage.port, `POST /exapps/demo/echo HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, close\r\n${lines}\r\n${body}`)
    expect(answer).toMatch(/^HTTP\/1.1 200 OK\r\n/)
    expect(stage.exApp.requests.at(-1)).toMatchObject({ url: '/echo', bodyLength: body.length })
    expect(stage.exApp.requests.at(-1)?.headers).not.toHaveProperty('upgrade')
  })

  it('is dropped without a byte for a banned client', async () => {
    const from = freshClient()
    for (let failure = 0; failure < 3; failure++) expect(await exchangeRaw(stage.port, handshake('/exapps/nobody/x'), from)).toMatch(/^HTTP\/1.1 404 /)
    expect(await exchangeRaw(stage.port, handshake('/exapps/demo/ws'), from)).toBe('')
    expect(await exchangeRaw(stage.port, handshake('/exapps/demo/../ws'), freshClient())).toBe('')
  })
})
