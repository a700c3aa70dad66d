import type { Duplex } from 'node:stream'

/** What a client may send before its wish to leave HTTP is granted; more waits in its own kernel. */
const maxEarlyBytes = 64 * 1024

/** Reads from a client that waits for leave to speak another protocol, because only reading shows when it goes. */
export class EarlyBytes {
  readonly #socket: Duplex
  readonly #chunks: Buffer[]
  #length: number

  constructor(socket: Duplex, first: Buffer) {
    this.#socket = socket
    this.#chunks = [first]
    this.#length = first.length
    socket.on('data', this.#onData).on('end', this.#onEnd)
  }

  /** Everything that came; whoever asks reads the rest. */
  take(): Buffer {
    this.#socket.off('data', this.#onData).off('end', this.#onEnd).pause()
    return Buffer.concat(this.#chunks)
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#length += chunk.length
    this.#chunks.push(chunk)
    if (this.#length >= maxEarlyBytes) this.#socket.pause()
  }

  /** As with any other request, a client that ends its side wants no answer. */
  readonly #onEnd = (): void => void this.#socket.destroy()
}
