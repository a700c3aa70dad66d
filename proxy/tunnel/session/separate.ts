import type { Carrier } from './carrier.ts'
import type { FrpStream } from '../frp-stream.ts'

/** A connection for the control and one for each work connection: frpc with `transport.tcpMux = false`. */
export class SeparateCarrier implements Carrier {
  readonly isMultiplexed = false
  readonly closed: Promise<Error | undefined>
  readonly #maxStreams: number
  readonly #streams = new Set<FrpStream>()
  #bytesReceivedBefore = 0
  #bytesSentBefore = 0

  constructor(control: FrpStream, { maxStreams }: { readonly maxStreams: number }) {
    this.#maxStreams = maxStreams
    this.closed = new Promise((resolve) => void control.once('error', resolve).once('close', () => resolve(undefined)))
    this.#add(control)
  }

  get bytesReceived(): number {
    return [...this.#streams].reduce((sum, { bytesRead }) => sum + bytesRead, this.#bytesReceivedBefore)
  }

  get bytesSent(): number {
    return [...this.#streams].reduce((sum, { bytesWritten }) => sum + bytesWritten, this.#bytesSentBefore)
  }

  adopt(stream: FrpStream): boolean {
    if (this.#streams.size >= this.#maxStreams) return false
    this.#add(stream)
    return true
  }

  close(): void {
    for (const stream of this.#streams) stream.destroy()
  }

  #add(stream: FrpStream): void {
    this.#streams.add(stream)
    stream.once('close', () => {
      this.#streams.delete(stream)
      this.#bytesReceivedBefore += stream.bytesRead
      this.#bytesSentBefore += stream.bytesWritten
    })
  }
}
