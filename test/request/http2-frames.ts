import { connectRaw, type RawClient } from './raw-client.ts'

/** Types, flags and error codes of frames (RFC 9113 §6, §7), as far as tests write or expect them. */
export const frameType = { data: 0, headers: 1, priority: 2, reset: 3, settings: 4, push: 5, ping: 6, goAway: 7, windowUpdate: 8, continuation: 9 } as const
export const flag = { ack: 1, endStream: 1, endHeaders: 4 } as const
export const code = { noError: 0, protocol: 1, internal: 2, flowControl: 3, streamClosed: 5, refused: 7, cancel: 8, compression: 9, enhanceYourCalm: 11 } as const

export const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')

export interface Frame {
  readonly type: number
  readonly flags: number
  readonly stream: number
  readonly payload: Buffer
}

/** A frame's bytes; its length is the payload's. */
export function frame(type: number, flags: number, stream: number, payload: Buffer | string = ''): Buffer {
  const body = Buffer.from(payload)
  const head = Buffer.alloc(9)
  head.writeUIntBE(body.length, 0, 3)
  head.writeUInt8(type, 3)
  head.writeUInt8(flags, 4)
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, body])
}

export const settingsFrame = frame(frameType.settings, 0, 0)

/** A header block of literal fields without indexing and without Huffman code (RFC 7541 §6.2.2): any bytes, latin1. */
export const headerBlock = (fields: readonly (readonly [string, string])[]): Buffer =>
  Buffer.concat(fields.map(([name, value]) => Buffer.concat([Buffer.of(0), literal(name), literal(value)])))

function literal(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1')
  if (bytes.length < 127) return Buffer.concat([Buffer.of(bytes.length), bytes])
  const length: number[] = [127]
  let rest = bytes.length - 127
  for (; rest >= 128; rest = Math.floor(rest / 128)) length.push((rest % 128) + 128)
  return Buffer.concat([Buffer.of(...length, rest), bytes])
}

/** The head of a GET to this path, with more fields after the four that must be there. */
export const getFields = (path: string, more: readonly (readonly [string, string])[] = [], method = 'GET'): (readonly [string, string])[] => [
  [':method', method],
  [':scheme', 'http'],
  [':path', path],
  [':authority', 'x'],
  ...more,
]

/** A client that writes whatever frames it is told to. */
export interface FrameClient {
  readonly raw: RawClient
  readonly frames: readonly Frame[]
  write(...frames: readonly Buffer[]): void
  /** A request head without a body, on this stream. */
  get(stream: number, path: string, more?: readonly (readonly [string, string])[]): void
  /** Waits for a frame; rejects when the connection closes without it. */
  until(matches: (frame: Frame) => boolean): Promise<Frame>
  /** Waits for the stream's reset and gives its code. */
  resetOf(stream: number): Promise<number>
  /** Waits for GOAWAY and gives its code. */
  goAway(): Promise<number>
  close(): void
}

/** Connects with prior knowledge, and sends the preface and empty settings. */
export async function connectFrames(port: number, from?: string): Promise<FrameClient> {
  const raw = await connectRaw(port, from)
  const frames: Frame[] = []
  let pending: Buffer = Buffer.alloc(0)
  raw.socket.on('data', (chunk: Buffer) => {
    pending = Buffer.concat([pending, chunk])
    while (pending.length >= 9 && pending.length >= 9 + pending.readUIntBE(0, 3)) {
      const end = 9 + pending.readUIntBE(0, 3)
      frames.push({ type: pending.readUInt8(3), flags: pending.readUInt8(4), stream: pending.readUInt32BE(5), payload: pending.subarray(9, end) })
      pending = pending.subarray(end)
    }
  })
  const until: FrameClient['until'] = (matches) =>
    new Promise((resolve, reject) => {
      const check = (): void => {
        const found = frames.find(matches)
        if (!found) return
        raw.socket.off('data', check)
        resolve(found)
      }
      raw.socket.on('data', check)
      void raw.closed.then(() => reject(new Error(`closed after frames ${JSON.stringify(frames.map(({ type, flags, stream }) => [type, flags, stream]))}`)))
      check()
    })
  raw.write(preface)
  raw.write(settingsFrame)
  return {
    raw,
    frames,
    write: (...written) => raw.write(Buffer.concat(written)),
    get: (stream, path, more) => raw.write(frame(frameType.headers, flag.endStream | flag.endHeaders, stream, headerBlock(getFields(path, more)))),
    until,
    resetOf: async (stream) => (await until((found) => found.type === frameType.reset && found.stream === stream)).payload.readUInt32BE(0),
    goAway: async () => (await until((found) => found.type === frameType.goAway)).payload.readUInt32BE(4),
    close: () => raw.socket.destroy(),
  }
}
