/** Bytes in every frame header: version u8, type u8, flags u16, stream id u32, length u32, big-endian (frp wire protocol §2.1). */
export const HEADER_BYTES = 12

/** The only protocol version there is. */
export const PROTOCOL_VERSION = 0

/** Send credit of a new stream in both directions, before any delta; fixed by the protocol (§2.2). */
export const INITIAL_WINDOW_BYTES = 262_144

/** The largest length or credit that the 32-bit field of a header can carry. */
export const MAX_LENGTH = 0xffff_ffff

/** What a frame is; `length` means something else in each (§2.1). */
export const FrameType = {
  data: 0,
  windowUpdate: 1,
  ping: 2,
  goAway: 3,
} as const
export type FrameType = (typeof FrameType)[keyof typeof FrameType]

/** Bits of a header's flags; they may be combined and ride on data or window updates. */
export const Flag = {
  none: 0,
  syn: 1,
  ack: 2,
  fin: 4,
  rst: 8,
} as const

/** Why a session is ended: the length field of a go-away frame. */
export const GoAwayCode = {
  normal: 0,
  protocolError: 1,
  internalError: 2,
} as const
export type GoAwayCode = (typeof GoAwayCode)[keyof typeof GoAwayCode]

/** A decoded header: only data frames are followed by a body, of exactly `length` bytes. */
export interface FrameHeader {
  readonly type: FrameType
  readonly flags: number
  readonly streamId: number
  readonly length: number
}

/** Says whether a header carries a flag, alone or with others. */
export function hasFlag(header: FrameHeader, flag: number): boolean {
  return (header.flags & flag) !== 0
}
