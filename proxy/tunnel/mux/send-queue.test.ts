import { expect, it } from 'vitest'
import { ControlFloodError } from './errors.ts'
import { DATA, PING, SYN, WINDOW_UPDATE, connectSession, frame, pairSession } from './peer.fixture.ts'

/** More than any test lets the transport hold. */
const MUCH = 4_000_000

it('lets streams take turns of at most one quantum', async () => {
  await using session = pairSession()
  session.peer.open(1)
  session.peer.open(3)
  const [first, second] = [await session.stream(1), await session.stream(3)]
  session.peer.transport.pause()
  first.write(Buffer.alloc(MUCH))
  await session.peer.until(() => session.transport.writableLength > 60_000)
  second.write(Buffer.alloc(MUCH))
  session.peer.transport.resume()
  await session.peer.until(() => session.peer.bodyOf(1).length === MUCH && session.peer.bodyOf(3).length === MUCH)
  const turns = session.peer.frames.filter(({ type }) => type === DATA)
  expect(Math.max(...turns.map(({ length }) => length))).toBe(65_536)
  const shared = turns.slice(turns.findIndex(({ streamId }) => streamId === 3))
  // The first stream ends first; until then no stream has two turns in a row.
  for (let turn = 1; turn < 80; turn++) expect(shared[turn]?.streamId).not.toBe(shared[turn - 1]?.streamId)
})

it('does not let a stream without credit hold up another', async () => {
  await using session = await connectSession()
  session.peer.open(1, 0)
  session.peer.open(3)
  ;(await session.stream(1)).write(Buffer.alloc(MUCH))
  ;(await session.stream(3)).write(Buffer.alloc(MUCH))
  await session.peer.until(() => session.peer.bodyOf(3).length === MUCH)
  expect(session.peer.bodyOf(1)).toHaveLength(262_144)
})

it('keeps little in the transport of a peer that does not read', async () => {
  await using session = pairSession({ socketQueueBytes: 32_768 })
  session.peer.transport.pause()
  for (let id = 1; id < 40; id += 2) {
    session.peer.open(id)
    ;(await session.stream(id)).write(Buffer.alloc(MUCH))
  }
  await session.peer.until(() => session.transport.writableLength > 32_768)
  await new Promise(setImmediate)
  // The bound, one frame that passes it, and the headers.
  expect(session.transport.writableLength).toBeLessThan(32_768 + 65_536 + 1000)
  for (const stream of session.streams) expect(stream.writableNeedDrain).toBe(true)
})

it('puts the reply to a ping ahead of queued data', async () => {
  await using session = pairSession({ socketQueueBytes: 32_768 })
  session.peer.open(1)
  const stream = await session.stream(1)
  session.peer.transport.pause()
  stream.write(Buffer.alloc(MUCH))
  await session.peer.until(() => session.transport.writableLength > 32_768)
  session.peer.send(PING, SYN, 0, 4711)
  await session.peer.until(() => session.muxer.bytesReceived === 24)
  session.peer.transport.resume()
  await session.peer.until(() => session.peer.bodyOf(1).length === MUCH)
  const reply = session.peer.frames.findIndex(({ type, length }) => type === PING && length === 4711)
  const before = session.peer.frames.slice(0, reply).reduce((sum, { body }) => sum + body.length, 0)
  expect(before).toBeLessThan(32_768 + 65_536)
})

it('answers many pings to a peer that reads the answers', async () => {
  await using session = await connectSession({ maxQueuedControlFrames: 100 })
  const pings = Array.from({ length: 20_000 }, (_, id) => frame(PING, SYN, 0, id))
  session.peer.transport.write(Buffer.concat(pings))
  await session.peer.until(() => session.peer.frames.length === 20_000)
  expect(session.peer.frames.map(({ length }) => length)).toEqual(pings.map((_, id) => id))
})

it('closes the session of a peer that floods it with pings and does not read', async () => {
  await using session = pairSession()
  session.peer.transport.pause()
  session.peer.transport.write(Buffer.concat(Array.from({ length: 100_000 }, (_, id) => frame(PING, SYN, 0, id))))
  expect(await session.muxer.closed).toBeInstanceOf(ControlFloodError)
  expect(session.transport.destroyed).toBe(true)
})

it('closes the session of a peer that floods it with surplus streams and does not read', async () => {
  await using session = pairSession({ maxStreams: 0 })
  session.peer.transport.pause()
  session.peer.transport.write(Buffer.concat(
    Array.from({ length: 100_000 }, (_, index) => frame(WINDOW_UPDATE, SYN, index * 2 + 1, 0))))
  expect(await session.muxer.closed).toBeInstanceOf(ControlFloodError)
})

it('sends a download in few writes to the transport', async () => {
  await using session = await connectSession()
  session.peer.open(1)
  const stream = await session.stream(1)
  let corks = 0
  const cork = session.transport.cork.bind(session.transport)
  session.transport.cork = () => {
    corks += 1
    cork()
  }
  stream.write(Buffer.alloc(MUCH))
  await session.peer.until(() => session.peer.bodyOf(1).length === MUCH)
  expect(corks).toBeLessThan(40) // of 61 frames, the first few before it is known how fast the line is
})
