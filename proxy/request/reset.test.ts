import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { reset } from './reset.ts'

const server = createServer()
let accepted: Socket
let peer: Socket

beforeEach(async () => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  peer = connect((server.address() as AddressInfo).port, '127.0.0.1')
  ;[accepted] = (await once(server, 'connection')) as [Socket]
})
afterEach(async () => {
  peer.destroy()
  server.close()
  await once(server, 'close') // not while a connection is left open
})

it('resets a connection, which its other end sees at once', async () => {
  const failed = once(peer, 'error')
  reset(accepted)
  expect(await failed).toMatchObject([{ code: 'ECONNRESET' }])
})

it('closes a connection that is ending already, and says no error', async () => {
  const errors: unknown[] = []
  accepted.on('error', (error) => errors.push(error))
  accepted.end('the last words', () => accepted.destroy())
  reset(accepted)
  await once(accepted, 'close')
  expect(errors).toEqual([])
})
