import type { FrameHeader } from './frame.ts'

/** One frame as real peers send it, and what it says. */
export interface FrameVector {
  readonly title: string
  readonly hex: string
  readonly header: FrameHeader
}

/** Recorded from frpc 0.61.1 and 0.71.0 and frps 0.61.1, or made after the frp wire protocol §2 where so said. */
export const frameVectors: readonly FrameVector[] = [
  {
    title: 'frpc opens stream 1 (recorded)',
    hex: '0001000100000001005c0000',
    header: { type: 1, flags: 1, streamId: 1, length: 0x5c0000 },
  },
  {
    title: 'frps acknowledges stream 1 (recorded)',
    hex: '0001000200000001005c0000',
    header: { type: 1, flags: 2, streamId: 1, length: 0x5c0000 },
  },
  {
    title: 'an acknowledgement without extra window',
    hex: '000100020000000100000000',
    header: { type: 1, flags: 2, streamId: 1, length: 0 },
  },
  {
    title: 'frpc returns window on stream 5 (recorded)',
    hex: '000100000000000500300d2a',
    header: { type: 1, flags: 0, streamId: 5, length: 0x300d2a },
  },
  {
    title: 'FIN on stream 3 (recorded)',
    hex: '000100040000000300000000',
    header: { type: 1, flags: 4, streamId: 3, length: 0 },
  },
  { title: 'RST on stream 3', hex: '000100080000000300000000', header: { type: 1, flags: 8, streamId: 3, length: 0 } },
  {
    title: 'ping request 0 (recorded)',
    hex: '000200010000000000000000',
    header: { type: 2, flags: 1, streamId: 0, length: 0 },
  },
  {
    title: 'ping reply 77 (recorded from frps)',
    hex: '00020002000000000000004d',
    header: { type: 2, flags: 2, streamId: 0, length: 77 },
  },
  { title: 'go away, normal', hex: '000300000000000000000000', header: { type: 3, flags: 0, streamId: 0, length: 0 } },
  {
    title: 'go away, protocol error',
    hex: '000300000000000000000001',
    header: { type: 3, flags: 0, streamId: 0, length: 1 },
  },
]

/** The header before frpc's login on stream 1 (recorded). */
export const loginDataHeader: FrameVector = {
  title: 'frpc sends 197 bytes on stream 1 (recorded)',
  hex: '0000000000000001000000c5',
  header: { type: 0, flags: 0, streamId: 1, length: 197 },
}

/** A login as frpc 0.61.1 sent it: 197 bytes. */
export const recordedLogin = Buffer.from(
  '6f00000000000000bc7b2276657273696f6e223a22302e36312e31222c226f73223a226c696e7578222c2261726368223a22616d643634222c22'
  + '70726976696c6567655f6b6579223a223332623236643438303366643232383636653365613862373431633263666639222c2274696d65737461'
  + '6d70223a313739353236383434312c226d65746173223a7b22746f6b656e223a227368617265642d736563726574227d2c22636c69656e745f73'
  + '706563223a7b7d2c22706f6f6c5f636f756e74223a317d',
  'hex',
)

/** What frpc sends first in a session: it opens stream 1, logs in, pings, finishes. */
export const recordedOpening = Buffer.concat([
  Buffer.from('0001000100000001005c0000', 'hex'),
  Buffer.from(loginDataHeader.hex, 'hex'),
  recordedLogin,
  Buffer.from('000200010000000000000000', 'hex'),
  Buffer.from('000100040000000100000000', 'hex'),
])
