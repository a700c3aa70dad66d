import { createCipheriv, createHash } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'

/** The four ways in which bytes travel through the data plane for a while. */
export const transferKinds = ['download', 'upload', 'websocket', 'events'] as const

export type TransferKind = (typeof transferKinds)[number]

/** How much each way carries, and how fast at most: it takes two seconds, so that a fault strikes in the middle. */
const volumes: Readonly<Record<TransferKind, Volume>> = {
  download: { pieces: 512, pieceBytes: 64 * 1024, pauseMs: 4 },
  upload: { pieces: 512, pieceBytes: 64 * 1024, pauseMs: 4 },
  websocket: { pieces: 150, pieceBytes: 4096, pauseMs: 12 },
  events: { pieces: 350, pieceBytes: 1024, pauseMs: 12 },
}

interface Volume {
  readonly pieces: number
  readonly pieceBytes: number
  readonly pauseMs: number
}

/** After so many pieces a transfer counts as under way. */
export const piecesUntilUnderWay = 8

/** Every piece differs from every other, so that one that is lost, repeated or out of place changes the hash. */
export function* contentOf(kind: TransferKind): Generator<Buffer> {
  const { pieces, pieceBytes } = volumes[kind]
  const noise = createCipheriv('aes-128-ctr', Buffer.alloc(16), Buffer.alloc(16))
  const zeros = Buffer.alloc(pieceBytes)
  for (let piece = 0; piece < pieces; piece++) yield noise.update(zeros)
}

/** The same at its pace. */
export async function* pacedContentOf(kind: TransferKind): AsyncGenerator<Buffer> {
  for (const piece of contentOf(kind)) {
    yield piece
    await delay(volumes[kind].pauseMs)
  }
}

/** SHA-256 in hex of all of it. */
export function hashOfContent(kind: TransferKind): string {
  const hash = createHash('sha256')
  for (const piece of contentOf(kind)) hash.update(piece)
  return hash.digest('hex')
}
