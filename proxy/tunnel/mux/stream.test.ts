import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { describe, expect, it } from 'vitest'
import { SessionClosedError, StreamCloseTimeoutError, StreamResetError } from './errors.ts'
import { FIN, RST, WINDOW_UPDATE, connectSession } from './peer.fixture.ts'
import type { Session } from './peer.fixture.ts'

async function openStream(session: Session, delta = 0x5c0000) {
  session.peer.open(1, delta)
  return session.stream(1)
}

/** How every stream is acknowledged: with no more than the protocol's initial window. */
const ack = 'ACK'

describe('sending', () => {
  it('counts the credit of the SYN, stops at its end and goes on when more comes', async () => {
    await using session = await connectSession()
    const stream = await openStream(session, 1000)
    stream.write(Buffer.alloc(400_000, 'a'))
    await session.peer.until(() => session.peer.bodyOf(1).length === 263_144)
    await session.peer.settled()
    expect(session.peer.bodyOf(1)).toHaveLength(263_144)
    session.peer.send(WINDOW_UPDATE, 0, 1, 36_856)
    await session.peer.until(() => session.peer.bodyOf(1).length === 300_000)
    session.peer.send(WINDOW_UPDATE, 0, 1, 100_001)
    await session.peer.until(() => session.peer.bodyOf(1).length === 400_000)
    expect(stream.bytesWritten).toBe(400_000)
  })

  it('puts small writes of one moment into one frame', async () => {
    await using session = await connectSession()
    const stream = await openStream(session)
    stream.cork()
    for (const word of ['many ', 'small ', 'writes']) stream.write(word)
    stream.uncork()
    await session.peer.until(() => session.peer.bodyOf(1).toString() === 'many small writes')
    expect(session.peer.storyOf(1)).toEqual([ack, 'DATA 17'])
  })

  it('makes its writer wait while the peer gives no credit', async () => {
    await using session = await connectSession()
    const stream = await openStream(session, 0)
    while (stream.write(Buffer.alloc(65_536)) || stream.bytesWritten < 262_144) await new Promise(setImmediate)
    expect(stream.writableNeedDrain).toBe(true)
    session.peer.send(WINDOW_UPDATE, 0, 1, 10_000_000)
    await once(stream, 'drain')
  })

  it('writes nothing for an empty chunk', async () => {
    await using session = await connectSession()
    const stream = await openStream(session)
    await new Promise((resolve) => stream.write('', resolve))
    await session.peer.settled()
    expect(session.peer.storyOf(1)).toEqual([ack])
  })
})

describe('receiving', () => {
  it('holds no more than its window and gives credit back only when somebody reads', async () => {
    await using session = await connectSession()
    const stream = await openStream(session)
    for (let sent = 0; sent < 262_144; sent += 16_384) session.peer.data(1, Buffer.alloc(16_384))
    await session.peer.settled()
    expect(stream.bytesRead).toBe(262_144)
    expect(session.memory.heldBytes).toBe(262_144)
    expect(session.peer.storyOf(1)).toEqual([ack])
    stream.resume()
    await session.peer.until(() => session.memory.heldBytes === 0)
    await session.peer.settled()
    const returned = session.peer.of(1).reduce((sum, { length }) => sum + length, 0)
    expect(returned).toBeGreaterThanOrEqual(131_072)
  })

  it('is not held up by another stream that nobody reads', async () => {
    await using session = await connectSession()
    await openStream(session)
    session.peer.data(1, Buffer.alloc(262_144))
    session.peer.open(3)
    session.peer.data(3, 'through', FIN)
    expect(await text(await session.stream(3))).toBe('through')
  })

  it('delivers all of a body before its end', async () => {
    await using session = await connectSession()
    const stream = await openStream(session)
    session.peer.data(1, Buffer.alloc(200_000, 'b'))
    session.peer.data(1, 'last', FIN)
    await session.peer.settled()
    expect(await text(stream)).toBe(`${'b'.repeat(200_000)}last`)
  })
})

describe('an orderly end', () => {
  it('answers the FIN of the peer with exactly one FIN, after what was still to be sent', async () => {
    await using session = await connectSession()
    const stream = await openStream(session)
    stream.resume().write('answer')
    session.peer.send(WINDOW_UPDATE, FIN, 1, 0)
    await session.peer.until(() => stream.closed)
    await session.peer.settled()
    expect(session.peer.storyOf(1)).toEqual([ack, 'DATA 6', 'FIN'])
    expect(stream.errored).toBeNull()
    expect(session.muxer.streamCount).toBe(0)
  })

  it('holds the FIN of an early end back until the peer has answered in full', async () => {
    await using session = await connectSession()
    const stream = await openStream(session)
    stream.end('request')
    await session.peer.settled()
    expect(session.peer.storyOf(1)).toEqual([ack, 'DATA 7'])
    session.peer.data(1, 'response', FIN)
    expect(await text(stream)).toBe('response')
    await session.peer.until(() => stream.closed)
    await session.peer.settled()
    expect(session.peer.storyOf(1)).toEqual([ack, 'DATA 7', 'FIN'])
  })

  it('sends a held-back FIN when the peer stays silent, and RST when that brings nothing either', async () => {
    await using session = await connectSession({ heldFinIdleMs: 20, closeTimeoutMs: 20 })
    const stream = await openStream(session)
    stream.end()
    await session.peer.until(() => stream.closed)
    expect(stream.errored).toBeInstanceOf(StreamCloseTimeoutError)
    await session.peer.settled()
    expect(session.peer.storyOf(1)).toEqual([ack, 'FIN', 'RST'])
    expect(session.muxer.streamCount).toBe(0)
  })

  it('still delivers what comes after a FIN that was not held back any longer', async () => {
    await using session = await connectSession({ heldFinIdleMs: 20 })
    const stream = await openStream(session)
    stream.end()
    await session.peer.until(() => session.peer.of(1).length === 2)
    session.peer.data(1, 'late', FIN)
    expect(await text(stream)).toBe('late')
    await session.peer.settled()
    expect(session.peer.storyOf(1)).toEqual([ack, 'FIN'])
  })

  it('resets a stream whose last bytes a finished peer will not take', async () => {
    await using session = await connectSession({ closeTimeoutMs: 20 })
    const stream = await openStream(session, 0)
    stream.resume().write(Buffer.alloc(300_000))
    session.peer.send(WINDOW_UPDATE, FIN, 1, 0)
    await session.peer.until(() => stream.closed)
    await session.peer.settled()
    expect(session.peer.storyOf(1).at(-1)).toBe('RST')
    expect(session.muxer.streamCount).toBe(0)
  })
})

describe('destroySoon', () => {
  it('sends what was written and FIN at once, and accounts for what still comes', async () => {
    await using session = await connectSession()
    const stream = await openStream(session)
    stream.write('refused')
    stream.destroySoon()
    await session.peer.until(() => stream.closed)
    session.peer.data(1, Buffer.alloc(262_144))
    session.peer.send(WINDOW_UPDATE, 0, 1, 7)
    await session.peer.settled()
    expect(session.muxer.streamCount).toBe(1)
    session.peer.send(WINDOW_UPDATE, FIN, 1, 0)
    await session.peer.settled()
    expect(session.muxer.streamCount).toBe(0)
    expect(session.peer.storyOf(1)).toEqual([ack, 'DATA 7', 'FIN'])
  })

  it('sends a FIN that was held back', async () => {
    await using session = await connectSession()
    const stream = await openStream(session)
    stream.end()
    await session.peer.settled()
    stream.destroySoon()
    await session.peer.settled()
    expect(session.peer.storyOf(1)).toEqual([ack, 'FIN'])
  })

  it('resets a peer that does not finish in time', async () => {
    await using session = await connectSession({ closeTimeoutMs: 20 })
    const stream = await openStream(session)
    stream.destroySoon()
    await session.peer.until(() => session.muxer.streamCount === 0)
    await session.peer.settled()
    expect(session.peer.storyOf(1)).toEqual([ack, 'FIN', 'RST'])
  })

  it('resets a peer that gives no credit for the last bytes, even if that peer has finished', async () => {
    await using session = await connectSession({ closeTimeoutMs: 20 })
    const stream = await openStream(session, 0)
    stream.write(Buffer.alloc(300_000))
    stream.destroySoon()
    session.peer.send(WINDOW_UPDATE, FIN, 1, 0)
    await session.peer.until(() => session.muxer.streamCount === 0)
    await session.peer.settled()
    expect(session.peer.storyOf(1).at(-1)).toBe('RST')
  })
})

describe('an abrupt end', () => {
  it('is one RST when a stream is destroyed, and drops what was to be sent', async () => {
    await using session = await connectSession()
    const stream = await openStream(session)
    stream.write('never sent')
    stream.destroy()
    session.peer.data(1, 'crossing')
    await session.peer.settled()
    expect(session.peer.storyOf(1)).toEqual([ack, 'RST'])
    expect(session.muxer.streamCount).toBe(0)
  })

  it('is one RST when a stream is destroyed after its end', async () => {
    await using session = await connectSession()
    const stream = await openStream(session)
    stream.end()
    await session.peer.settled()
    stream.destroy()
    await session.peer.settled()
    expect(session.peer.storyOf(1)).toEqual([ack, 'RST'])
  })

  it('is a FIN when the peer has finished and nothing is left to send', async () => {
    await using session = await connectSession()
    const stream = await openStream(session)
    session.peer.send(WINDOW_UPDATE, FIN, 1, 0)
    await session.peer.settled()
    stream.destroy(new Error('the other side is gone'))
    await session.peer.settled()
    expect(session.peer.storyOf(1)).toEqual([ack, 'FIN'])
  })

  it('fails the stream when the peer resets it, without an answer', async () => {
    await using session = await connectSession()
    const stream = await openStream(session)
    session.peer.send(WINDOW_UPDATE, RST, 1, 0)
    await session.peer.until(() => stream.closed)
    expect(stream.errored).toEqual(new StreamResetError(1))
    await session.peer.settled()
    expect(session.peer.storyOf(1)).toEqual([ack])
  })

  it('reports to a writer whose bytes never left', async () => {
    await using session = await connectSession()
    const stream = await openStream(session, 0)
    const written = new Promise((resolve) => stream.write(Buffer.alloc(300_000), resolve))
    session.muxer.close()
    expect(await written).toBeInstanceOf(SessionClosedError)
  })
})
