import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { PeerGoAwayError, ProtocolError, SessionClosedError } from './errors.ts'
import { recordedLogin, recordedOpening } from './frames.fixture.ts'
import { ACK, DATA, FIN, GO_AWAY, PING, RST, SYN, WINDOW_UPDATE, connectSession, frame, pairSession } from './peer.fixture.ts'

describe('opening streams', () => {
  it('answers each SYN at once with one ACK', async () => {
    await using session = await connectSession()
    for (const id of [1, 3, 5]) session.peer.open(id)
    await session.peer.settled()
    expect(session.peer.frames.slice(0, 3)).toMatchObject([1, 3, 5].map((streamId) => (
      { type: WINDOW_UPDATE, flags: ACK, streamId, length: 0 })))
    expect(session.streams.map(({ id }) => id)).toEqual([1, 3, 5])
    expect(session.muxer.streamCount).toBe(3)
  })

  it('takes a SYN that rides on data, and the data', async () => {
    await using session = await connectSession()
    session.peer.data(1, 'hello', SYN)
    const [bytes] = await once(await session.stream(1), 'data')
    expect(String(bytes)).toBe('hello')
    await session.peer.settled()
    expect(session.peer.storyOf(1)).toEqual(['ACK'])
  })

  it('resets a surplus stream and goes on with the others', async () => {
    await using session = await connectSession({ maxStreams: 1 })
    session.peer.open(1)
    session.peer.data(3, 'ignored', SYN)
    await session.peer.settled()
    expect(session.peer.storyOf(3)).toEqual(['RST'])
    expect(session.reached).toEqual(['frp_streams_per_session'])
    session.streams[0]?.destroy()
    session.peer.open(5)
    await session.peer.settled()
    expect(session.peer.storyOf(5)).toEqual(['ACK'])
  })

  it('takes no new streams after a go-away and keeps those it has', async () => {
    await using session = await connectSession()
    session.peer.open(1)
    const stream = await session.stream(1)
    session.muxer.goAway()
    session.muxer.goAway()
    session.peer.open(3)
    stream.write('still here')
    await session.peer.settled()
    expect(session.peer.frames.filter(({ type }) => type === GO_AWAY)).toMatchObject([{ length: 0 }])
    expect(session.peer.storyOf(3)).toEqual(['RST'])
    expect(session.peer.bodyOf(1).toString()).toBe('still here')
  })
})

describe('the recorded opening', () => {
  for (let cut = 0; cut <= recordedOpening.length; cut++) {
    it(`gives one stream with the login, cut at byte ${cut}`, async () => {
      const received: Buffer[] = []
      await using session = pairSession({ onStream: (stream) => stream.on('data', (bytes) => received.push(bytes)) })
      session.peer.transport.write(recordedOpening.subarray(0, cut))
      await new Promise(setImmediate)
      session.peer.transport.write(recordedOpening.subarray(cut))
      await session.peer.settled()
      expect(Buffer.concat(received).equals(recordedLogin)).toBe(true)
      expect(session.peer.storyOf(1)).toEqual(['ACK', 'FIN'])
    })
  }
})

const syn1 = frame(WINDOW_UPDATE, SYN, 1, 0)

describe('a peer that breaks the protocol', () => {
  it.each([
    ['another version', Buffer.from('010000000000000000000000', 'hex')],
    ['an unknown type', Buffer.from('000400000000000000000000', 'hex')],
    ['a second SYN for a live stream', Buffer.concat([syn1, syn1])],
    ['a SYN for an even id', frame(WINDOW_UPDATE, SYN, 2, 0)],
    ['a SYN for stream 0', frame(WINDOW_UPDATE, SYN, 0, 0)],
    ['a body larger than the window, by its header alone', Buffer.concat([syn1, frame(DATA, 0, 1, 262_145)])],
    ['bodies that together overrun the window', Buffer.concat([
      syn1, frame(DATA, 0, 1, 262_000, Buffer.alloc(262_000)), frame(DATA, 0, 1, 145, Buffer.alloc(145))])],
    ['a second FIN', Buffer.concat([syn1, frame(WINDOW_UPDATE, FIN, 1, 0), frame(WINDOW_UPDATE, FIN, 1, 0)])],
    ['credit beyond 32 bits', Buffer.concat([syn1, frame(WINDOW_UPDATE, 0, 1, 0xffff_ffff)])],
  ])('gets a go-away and loses the session for %s', async (_, bytes) => {
    await using session = await connectSession()
    session.peer.transport.write(bytes)
    expect(await session.muxer.closed).toBeInstanceOf(ProtocolError)
    await once(session.peer.transport, 'close')
    expect(session.peer.frames.at(-1)).toMatchObject({ type: GO_AWAY, flags: 0, streamId: 0, length: 1 })
    expect(session.muxer.streamCount).toBe(0)
    for (const stream of session.streams) expect(stream.destroyed).toBe(true)
  })

  it('is cut off even if it does not read the go-away', async () => {
    await using session = pairSession()
    session.peer.transport.pause()
    session.peer.open(1)
    ;(await session.stream(1)).write(Buffer.alloc(1_000_000))
    await session.peer.until(() => session.transport.writableLength > 500_000)
    session.peer.open(1)
    expect(await session.muxer.closed).toBeInstanceOf(ProtocolError)
    await session.peer.until(() => session.transport.destroyed)
  })
})

describe('a peer that is late', () => {
  it.each([
    ['data for a stream that does not exist', frame(DATA, 0, 9, 70_000, Buffer.alloc(70_000, 1))],
    ['credit for a stream that does not exist', frame(WINDOW_UPDATE, 0, 9, 1)],
    ['FIN for a stream that does not exist', frame(WINDOW_UPDATE, FIN, 9, 0)],
    ['RST for a stream that does not exist', frame(WINDOW_UPDATE, RST, 9, 0)],
    ['a reply to a ping that was not sent', frame(PING, ACK, 0, 4711)],
    ['a ping without a flag', frame(PING, 0, 0, 1)],
    ['a go-away without an error', frame(GO_AWAY, 0, 0, 0)],
    ['an acknowledgement', Buffer.concat([syn1, frame(WINDOW_UPDATE, ACK, 1, 0)])],
    ['data after its own FIN', Buffer.concat([
      syn1, frame(WINDOW_UPDATE, FIN, 1, 0), frame(DATA, 0, 1, 4, Buffer.from('late'))])],
  ])('may send %s', async (_, bytes) => {
    await using session = await connectSession()
    session.peer.transport.write(bytes)
    await session.peer.settled()
    session.peer.data(11, 'works', SYN)
    const [received] = await once(await session.stream(11), 'data')
    expect(String(received)).toBe('works')
    expect(session.peer.of(9)).toEqual([])
  })
})

describe('the end of a session', () => {
  it.each([1, 2])('comes with go-away %i from the peer', async (code) => {
    await using session = await connectSession()
    session.peer.send(GO_AWAY, 0, 0, code)
    expect(await session.muxer.closed).toEqual(new PeerGoAwayError(code))
  })

  it('comes without an error when the peer ends the connection, and destroys every stream', async () => {
    await using session = await connectSession()
    session.peer.open(1)
    const stream = await session.stream(1)
    session.peer.transport.end()
    expect(await session.muxer.closed).toBeUndefined()
    await session.peer.until(() => stream.closed)
    expect(stream.errored).toBeInstanceOf(SessionClosedError)
    expect(session.muxer.streamCount).toBe(0)
    expect(session.transport.destroyed).toBe(true)
  })

  it('comes once, with the first reason, from whoever closes first', async () => {
    await using session = await connectSession()
    session.peer.open(1)
    const stream = await session.stream(1)
    const reason = new Error('evicted')
    session.muxer.close(reason)
    session.muxer.close(new Error('again'))
    expect(await session.muxer.closed).toBe(reason)
    expect(stream.errored).toMatchObject({ cause: reason })
    stream.write('into the void', () => {})
    stream.destroy()
    session.muxer.goAway()
    expect(await session.muxer.ping(1000)).toBe(false)
  })

  it('may come from within the acceptance of a stream, with more frames waiting', async () => {
    await using session = await connectSession({ onStream: () => session.muxer.close() })
    session.peer.transport.write(Buffer.concat([syn1, frame(WINDOW_UPDATE, SYN, 3, 0)]))
    await session.muxer.closed
    expect(session.streams).toHaveLength(1)
  })
})

it('counts the bytes of the transport', async () => {
  await using session = await connectSession()
  session.peer.data(1, 'hello', SYN)
  const stream = await session.stream(1)
  stream.write('answer')
  await session.peer.until(() => session.peer.bodyOf(1).length === 6)
  expect(session.muxer.bytesReceived).toBe(12 + 5)
  expect(session.muxer.bytesSent).toBe(12 + 12 + 6)
})
