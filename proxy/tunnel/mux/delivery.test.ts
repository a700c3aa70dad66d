import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { FIN, WINDOW_UPDATE, pairSession } from './peer.fixture.ts'
import type { Session } from './peer.fixture.ts'

const WINDOW_BYTES = 262_144

/** Bytes that differ by stream and position, so that a lost, doubled or swapped piece shows. */
function pattern(id: number, length: number): Buffer {
  const bytes = Buffer.alloc(length)
  for (let at = 0; at < length; at++) bytes[at] = (at * 31 + (at >> 8) * 7 + id) & 0xff
  return bytes
}

/** What one stream of the peer knows: it may send `credit` bytes and has granted the muxer `granted`. */
class PeerStream {
  readonly id: number
  readonly upload: Buffer
  granted = WINDOW_BYTES
  #sent = 0

  constructor(id: number, uploadBytes: number) {
    this.id = id
    this.upload = pattern(id, uploadBytes)
  }

  get isSent(): boolean {
    return this.#sent === this.upload.length
  }

  send({ peer }: Session, wanted: number): void {
    const returned = peer.of(this.id).filter(({ type }) => type === WINDOW_UPDATE).reduce((sum, { length }) => sum + length, 0)
    const length = Math.min(wanted, WINDOW_BYTES + returned - this.#sent, this.upload.length - this.#sent)
    if (length > 0) peer.data(this.id, this.upload.subarray(this.#sent, this.#sent + length))
    this.#sent += length
  }

  grant({ peer }: Session, delta: number): void {
    peer.send(WINDOW_UPDATE, 0, this.id, delta)
    this.granted += delta
  }
}

const step = fc.record({ stream: fc.nat(2), sends: fc.nat(70_000), grants: fc.nat(60_000), isReading: fc.boolean() })

it('delivers every byte once and in order and never sends beyond the credit, in both directions', async () => {
  await fc.assert(fc.asyncProperty(
    fc.array(fc.tuple(fc.nat(500_000), fc.nat(500_000)), { minLength: 3, maxLength: 3 }),
    fc.array(step, { maxLength: 30 }),
    async (sizes, steps) => {
      await using session = pairSession({ receiveWindowBytes: WINDOW_BYTES, socketQueueBytes: 70_000, quantumBytes: 10_000 })
      const received = new Map<number, Buffer[]>()
      const peerStreams = sizes.map(([uploadBytes], index) => new PeerStream(index * 2 + 1, uploadBytes))
      for (const { id } of peerStreams) session.peer.open(id, 0)
      for (const [index, { id }] of peerStreams.entries()) {
        const stream = await session.stream(id)
        const chunks: Buffer[] = []
        received.set(id, chunks)
        stream.on('data', (bytes: Buffer) => chunks.push(bytes))
        stream.write(pattern(id + 100, sizes[index]?.[1] ?? 0))
      }
      const check = (): void => {
        for (const { id, granted } of peerStreams) expect(session.peer.bodyOf(id).length).toBeLessThanOrEqual(granted)
      }
      for (const { stream: index, sends, grants, isReading } of steps) {
        const peerStream = peerStreams[index]
        peerStream?.send(session, sends)
        if (grants > 0) peerStream?.grant(session, grants)
        session.streams[index]?.[isReading ? 'resume' : 'pause']()
        await new Promise(setImmediate)
        check()
      }
      for (const stream of session.streams) stream.resume()
      for (const peerStream of peerStreams) peerStream.grant(session, 1_000_000)
      await session.peer.until(() => {
        for (const peerStream of peerStreams) peerStream.send(session, 50_000)
        return peerStreams.every(({ isSent }) => isSent)
      })
      for (const { id } of peerStreams) session.peer.send(WINDOW_UPDATE, FIN, id, 0)
      await session.peer.until(() => session.streams.every(({ closed }) => closed))
      await session.peer.settled()
      check()
      for (const [index, { id, upload }] of peerStreams.entries()) {
        expect(Buffer.concat(received.get(id) ?? []).equals(upload)).toBe(true)
        expect(session.peer.bodyOf(id).equals(pattern(id + 100, sizes[index]?.[1] ?? 0))).toBe(true)
        expect(session.peer.of(id).filter(({ flags }) => (flags & FIN) !== 0)).toHaveLength(1)
      }
      expect(session.muxer.streamCount).toBe(0)
    },
  ), { numRuns: 15 })
})
