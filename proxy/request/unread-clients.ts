import type { Socket } from 'node:net'

/** How often clients that are not read from are looked at: an ExApp is to know within 2 s that its client has gone. */
const lookMs = 250

/** Read ahead of an ExApp that takes no more of an upload: most uploads, or what is left of them, are no longer. */
export const maxAheadBytes = 4 * 1024 * 1024

/** The same for all clients together: it is memory. */
export const maxAheadBytesTogether = 64 * 1024 * 1024

/** Who reads so much between two looks comes to a client's end soon enough by itself. */
const fastBytes = maxAheadBytes / 4

export interface UnreadClient {
  /** Read from, and paused by whoever has enough. */
  readonly socket: Socket
  /** The TCP connection below it, where that is another. */
  readonly below?: Socket | undefined
  /** Bytes that were read and wait for their reader; Infinity: no more may be read. */
  readonly waiting: () => number
}

interface Watched extends UnreadClient {
  readonly onPause: () => void
  bytesRead: number
  /** When it was read on from last. */
  progress: number
  /** `socket.bytesRead` up to which it may be read ahead. */
  readUpTo: number
}

/**
 * Clients whose bytes somebody has had enough of. Node does not notice when such a connection ends: it watches only what it
 * reads. So each of them is written nothing to, which tells of a reset, and is read ahead of its reader: if what it has left
 * to send fits in there, it is read up to its end, whenever that comes. Where it does not fit, an orderly end stays in the
 * client's kernel behind the rest, and nobody can see it before the reader goes on.
 */
export class UnreadClients {
  readonly #unread = new Set<Watched>()
  readonly #timer: NodeJS.Timeout

  constructor() {
    this.#timer = setInterval(() => this.#look(), lookMs)
  }

  /** Bytes that wait for their readers now, ahead of them. */
  get aheadBytes(): number {
    let bytes = 0
    for (const { waiting } of this.#unread) bytes += finite(waiting())
    return bytes
  }

  /** Looks at a client whenever it is not read from, until it closes or the returned function is called. */
  watch(client: UnreadClient): () => void {
    const { socket } = client
    const watched: Watched = { ...client, onPause: () => this.#onPause(watched), bytesRead: 0, progress: 0, readUpTo: 0 }
    const stop = (): void => {
      socket.off('pause', watched.onPause).off('close', stop)
      this.#forget(watched)
    }
    socket.on('pause', watched.onPause).once('close', stop)
    return stop
  }

  close(): void {
    clearInterval(this.#timer)
  }

  #forget(client: Watched): void {
    client.readUpTo = 0
    this.#unread.delete(client)
  }

  #onPause(client: Watched): void {
    const { socket } = client
    this.#unread.add(client)
    if (granted(client) === 0) return
    // Bytes that wait in the socket itself were counted when they came; somebody else may hold it back as well.
    const progress = socket.bytesRead + client.waiting()
    if (progress === client.progress) return
    client.progress = progress
    process.nextTick(() => socket.resume()) // it is not yet paused
  }

  #look(): void {
    let left = maxAheadBytesTogether
    for (const client of this.#unread) left -= finite(client.waiting()) + granted(client)
    for (const client of this.#unread) {
      const { socket, below = socket, waiting } = client
      if (!socket.isPaused()) {
        if (waiting() === 0) this.#forget(client)
        continue
      }
      // Fails when the connection was reset; what is on its way to the client already would fail by itself.
      if (socket.writableLength === 0 && below.writable) below.write(nothing)
      const isFast = socket.bytesRead - client.bytesRead >= fastBytes
      client.bytesRead = socket.bytesRead
      const more = isFast ? 0 : Math.max(0, Math.min(left, maxAheadBytes - waiting() - granted(client)))
      left -= more
      client.readUpTo = Math.max(socket.bytesRead, client.readUpTo) + more
      if (granted(client) > 0) socket.resume()
    }
  }
}

const nothing = Buffer.alloc(0)
const granted = ({ socket, readUpTo }: Watched): number => Math.max(0, readUpTo - socket.bytesRead)
const finite = (bytes: number): number => (bytes === Infinity ? 0 : bytes)
