import { createServer } from 'node:http'
import { once } from 'node:events'
import { type AddressInfo, BlockList, connect } from 'node:net'
import { expect, it, onTestFinished } from 'vitest'
import { ClientGoneError, ClientTooSlowError } from '../request/errors.ts'
import { Http1Carrier } from '../request/http1-carrier.ts'
import { openExchange } from '../request/open-exchange.ts'
import { ControlApiError } from './errors.ts'
import { readBody } from './read-body.ts'

/** What becomes of a request with these bytes: its body as text, or what was thrown. */
async function outcomeOf(bytes: string, { end = false } = {}): Promise<unknown> {
  const server = createServer()
  const outcome = new Promise<unknown>((resolve) => {
    server.on('request', (incoming, reply) => {
      const exchange = openExchange(
        new Http1Carrier(incoming, reply),
        { upgrade: undefined, expectsContinue: false },
        { trustedProxies: () => new BlockList(), isSharedKey: () => true },
      )
      readBody(exchange, { maxBytes: 10, idleMs: 100 }).then((body) => resolve(body.toString('utf8')), resolve)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  socket.on('error', () => {}) // the server may end it
  onTestFinished(async () => {
    socket.destroy()
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  })
  socket.write(`POST / HTTP/1.1\r\nHost: x\r\n${bytes}`)
  if (end) socket.end()
  return outcome
}

it('gives the whole body', async () => {
  expect(await outcomeOf('Content-Length: 10\r\n\r\n0123456789')).toBe('0123456789')
  expect(await outcomeOf('Transfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n')).toBe('0123456789')
  expect(await outcomeOf('Content-Length: 0\r\n\r\n')).toBe('')
})

it('refuses one that is announced to be too long without waiting for it', async () => {
  expect(await outcomeOf('Content-Length: 11\r\n\r\n')).toMatchObject({ constructor: ControlApiError, status: 413 })
})

it('refuses one that turns out to be too long', async () => {
  expect(await outcomeOf('Transfer-Encoding: chunked\r\n\r\nb\r\n01234567890\r\n')).toMatchObject({
    constructor: ControlApiError,
    status: 413,
  })
})

it('gives up on a client that stops sending', async () => {
  expect(await outcomeOf('Content-Length: 10\r\n\r\n012')).toBeInstanceOf(ClientTooSlowError)
})

it('says so when the client goes away', async () => {
  expect(await outcomeOf('Content-Length: 10\r\n\r\n012', { end: true })).toBeInstanceOf(ClientGoneError)
})
