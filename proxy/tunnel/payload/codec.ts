import { CfbDecoder, CfbEncoder } from '../protocol/cipher.ts'
import { SnappyDecoder, SnappyEncoder } from './snappy-stream.ts'

/** What one work connection does to the bytes that it carries; each direction is one continuous stream. */
export interface PayloadCodec {
  encode(bytes: Buffer): Buffer
  /** In pieces of bounded size, made when they are asked for; ask for all of them before the next call. @throws FrpProtocolError */
  decode(bytes: Buffer): Iterable<Buffer>
  /** At the end of what was received. @throws FrpProtocolError when that is in the middle of something */
  end(): void
}

/** What the proxy's `transport.useEncryption` and `transport.useCompression` ask for, in frpc's words. */
export interface PayloadSettings {
  readonly useEncryption: boolean
  readonly useCompression: boolean
}

/** Both at once: first compressed, then encrypted (frp wire protocol §6.3). `key` is that of the control stream of wire v1. */
export function createPayloadCodec({ useEncryption, useCompression }: PayloadSettings, key: Buffer): PayloadCodec {
  if (useEncryption && useCompression) return chained(encryption(key), compression())
  if (useEncryption) return encryption(key)
  return useCompression ? compression() : none
}

const none: PayloadCodec = { encode: (bytes) => bytes, decode: (bytes) => [bytes], end: () => {} }

function encryption(key: Buffer): PayloadCodec {
  const [encoder, decoder] = [new CfbEncoder(key), new CfbDecoder(key)]
  return {
    encode: (bytes) => encoder.encode(bytes),
    decode: (bytes) => [decoder.decode(bytes)],
    end: () => {},
  }
}

function compression(): PayloadCodec {
  const [encoder, decoder] = [new SnappyEncoder(), new SnappyDecoder()]
  return { encode: (bytes) => encoder.encode(bytes), decode: (bytes) => decoder.push(bytes), end: () => decoder.end() }
}

function chained(outer: PayloadCodec, inner: PayloadCodec): PayloadCodec {
  return {
    encode: (bytes) => outer.encode(inner.encode(bytes)),
    decode: function* (bytes) {
      for (const piece of outer.decode(bytes)) yield* inner.decode(piece)
    },
    end: () => {
      outer.end()
      inner.end()
    },
  }
}
