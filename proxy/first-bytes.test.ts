import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { expect, it, onTestFinished } from 'vitest'
import { FirstBytes } from './first-bytes.ts'

interface Decided {
  readonly as: string
  /** What the server reads on the connection from its beginning. */
  readonly read: string
}

/** Sends these parts one by one, and waits for the verdict and for all bytes to come. */
async function decide(parts: readonly string[], length = parts.join('').length): Promise<Decided> {
  const sockets: Socket[] = []
  const decided = new Promise<Decided>((resolve) => {
    const read = (as: string) => (socket: Socket) => {
      let text = ''
      socket.on('data', (chunk: Buffer) => {
        text += chunk.toString('latin1')
        if (text.length === length) resolve({ as, read: text })
      })
      socket.resume()
    }
    const firstBytes = new FirstBytes({ onHttp1: read('HTTP/1.1'), onHttp2: read('HTTP/2'), onSilent: () => resolve({ as: 'silent', read: '' }) })
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      sockets.push(socket)
      firstBytes.watch(socket)
    }).listen(0, '127.0.0.1')
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy()
      server.close()
    })
    server.on('listening', () => {
      const client = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', noDelay: true }).on('error', () => {})
      sockets.push(client)
      void (async () => {
        await once(client, 'connect')
        for (const part of parts) await new Promise((sent) => client.write(part, () => setTimeout(sent, 2)))
        if (parts.length === 0) firstBytes.expire(0)
      })()
    })
  })
  return decided
}

const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'

it('knows HTTP/2 by its preface, at whatever byte it is cut, and loses none', async () => {
  for (let cut = 0; cut <= preface.length; cut++) {
    const parts = [preface.slice(0, cut), `${preface.slice(cut)}frames`].filter((part) => part !== '')
    expect(await decide(parts)).toEqual({ as: 'HTTP/2', read: `${preface}frames` })
  }
})

it.each([
  ['GET', ['GET / HTTP/1.1\r\n']],
  ['a method that begins like it, byte by byte', 'PROPFIND /'.split('')],
  ['another version of it', ['PRI * HTTP/3.0\r\n\r\nSM\r\n\r\n']],
  ['its first half and something else', ['PRI * HTTP/2.0\r\n\r\n', 'X']],
  ['no HTTP at all', ['\x16\x03\x01']],
])('leaves everything else to HTTP/1.1: %s', async (_what, parts) => {
  expect(await decide(parts)).toEqual({ as: 'HTTP/1.1', read: parts.join('') })
})

it('tells of a connection that is silent for too long', async () => {
  expect(await decide([], 0)).toMatchObject({ as: 'silent' })
})

it('closes a connection that ends before it says anything', async () => {
  const firstBytes = new FirstBytes({ onHttp1: () => {}, onHttp2: () => {}, onSilent: () => {} })
  const server = createServer({ allowHalfOpen: true }, (socket) => firstBytes.watch(socket)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1' })
  client.end('PRI')
  await once(client.resume(), 'close')
  const closed = once(server, 'close')
  server.close()
  await closed
  expect(client.bytesRead).toBe(0)
})
