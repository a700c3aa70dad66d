import http from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { text } from 'node:stream/consumers'
import { Client } from 'undici'
import { afterEach, expect, it } from 'vitest'
import { FIN, connectSession } from './peer.fixture.ts'
import type { Session } from './peer.fixture.ts'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

/** Answers the nth request head on stream 1 with the nth of the answers. */
async function answering(...answers: string[]): Promise<Session> {
  const session = await connectSession()
  cleanups.push(() => session[Symbol.asyncDispose]())
  session.peer.open(1)
  let answered = 0
  session.peer.transport.on('data', () => {
    const heads = session.peer.bodyOf(1).toString('latin1').split('\r\n\r\n').length - 1
    for (; answered < heads; answered++) session.peer.data(1, answers[answered] ?? '')
  })
  return session
}

/** undici wants its callback to be called later, and knows its sockets by type only. */
function clientOver(stream: Duplex): Client {
  const client = new Client('http://exapp', {
    connect: (_options, callback) => void setImmediate(callback, null, stream as Socket),
  })
  cleanups.push(() => client.destroy())
  return client
}

const answer = (body: string): string => `HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`

it('is a socket for undici, which sends request after request through it', async () => {
  const session = await answering(answer('one'), answer('two'))
  const stream = await session.stream(1)
  const client = clientOver(stream)
  for (const expected of ['one', 'two']) {
    const response = await client.request({ path: '/', method: 'GET' })
    expect(await response.body.text()).toBe(expected)
  }
  expect(session.streams).toHaveLength(1)
  await client.close()
  await session.peer.settled()
  expect(session.peer.storyOf(1).at(-1)).toBe('RST')
})

it('tells undici that the peer has finished', async () => {
  const session = await answering(answer('one'))
  const stream = await session.stream(1)
  const client = clientOver(stream)
  const response = await client.request({ path: '/', method: 'GET' })
  expect(await response.body.text()).toBe('one')
  session.peer.data(1, '', FIN)
  await session.peer.until(() => stream.closed)
  await session.peer.settled()
  expect(session.peer.storyOf(1).at(-1)).toBe('FIN')
})

it('is a socket for a keep-alive agent of node:http', async () => {
  const session = await answering(answer('one'), answer('two'))
  const stream = await session.stream(1)
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
  cleanups.push(() => agent.destroy())
  agent.createConnection = () => stream
  for (const expected of ['one', 'two']) {
    const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
      http.get({ host: 'exapp', agent, path: '/' }, resolve).on('error', reject)
    })
    expect(await text(response)).toBe(expected)
    await new Promise(setImmediate)
  }
  expect(session.streams).toHaveLength(1)
})

it('is closed by node:http after an answer that closes the connection', async () => {
  const session = await answering('HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok')
  const stream = await session.stream(1)
  const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
    http.get({ host: 'exapp', path: '/', createConnection: () => stream }, resolve).on('error', reject)
  })
  expect(await text(response)).toBe('ok')
  await session.peer.until(() => stream.closed)
  await session.peer.settled()
  expect(session.peer.storyOf(1).at(-1)).toBe('FIN')
})
