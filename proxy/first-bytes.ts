import type { Socket } from 'node:net'

/** How every HTTP/2 connection begins (RFC 9113 §3.4); no HTTP/1.1 request begins so. */
const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1')

export interface FirstBytesOptions {
  readonly onHttp1: (socket: Socket) => void
  readonly onHttp2: (socket: Socket) => void
  /** Told of a connection on which too little came for too long. */
  readonly onSilent: (socket: Socket) => void
}

/** Plain connections that have not shown yet which HTTP they speak. Their first bytes are looked at and put back, later ones never seen here. */
export class FirstBytes {
  readonly #since = new Map<Socket, number>()
  readonly #options: FirstBytesOptions

  constructor(options: FirstBytesOptions) {
    this.#options = options
  }

  watch(socket: Socket): void {
    let begun: Buffer | undefined
    const forget = (): void => {
      this.#since.delete(socket)
      socket.off('data', onData).off('end', onEnd).off('close', forget).off('error', ignore)
    }
    const onData = (chunk: Buffer): void => {
      if (!this.#since.has(socket)) return // it is too late
      const bytes = begun ? Buffer.concat([begun, chunk]) : chunk
      const compared = Math.min(bytes.length, preface.length)
      const isHttp2 = preface.compare(bytes, 0, compared, 0, compared) === 0
      if (isHttp2 && compared < preface.length) {
        begun = bytes // 23 bytes at most
        return
      }
      forget()
      socket.pause()
      socket.unshift(bytes)
      if (isHttp2) return this.#options.onHttp2(socket)
      this.#options.onHttp1(socket)
      socket.resume()
    }
    const onEnd = (): void => void socket.end() // nothing was asked
    this.#since.set(socket, performance.now())
    socket.on('data', onData).on('end', onEnd).on('close', forget).on('error', ignore)
  }

  /** Gives up on connections that are undecided for `limitMs`. To be called again and again. */
  expire(limitMs: number): void {
    const now = performance.now()
    for (const [socket, since] of this.#since) {
      if (now - since < limitMs) return // the others are younger
      this.#since.delete(socket)
      this.#options.onSilent(socket)
    }
  }

  /** Ends them all: none has asked for anything. */
  destroy(): void {
    for (const socket of this.#since.keys()) socket.destroy()
  }
}

/** A connection that is lost before it was used: its `close` is enough. */
const ignore = (): void => {}
