import type { Readable } from 'node:stream'

const interim = Buffer.from('HTTP/1.1 1', 'latin1')
const keepGoing = Buffer.from('HTTP/1.1 100', 'latin1')
/** Where a status line has the first digit of its status. */
const statusAt = 'HTTP/1.1 '.length
const one = '1'.charCodeAt(0)
const endOfHead = Buffer.from('\r\n\r\n', 'latin1')

/**
 * Takes `100 Continue` out of what an upstream sends: it says nothing that our client has not had from us, and undici gives up
 * the connection over it, although a client has to bear with one that it did not ask for (RFC 9110 §15.2.1). Only the first
 * bytes after a request are looked at; everything else passes untouched.
 */
export class InterimFilter {
  readonly #maxHeadBytes: number
  #expectsHead = true
  /** The beginning of an interim response whose end has not come yet. */
  #begun: Buffer | undefined

  constructor(maxHeadBytes: number) {
    this.#maxHeadBytes = maxHeadBytes
  }

  /** A request is on its way: what comes next is a response's head. */
  expectHead(): void {
    this.#expectsHead = true
  }

  /** What is to be seen of these bytes, which may be nothing. */
  pass(chunk: Buffer): Buffer {
    if (!this.#expectsHead) return chunk
    if (this.#begun === undefined && chunk.length > statusAt && chunk[statusAt] !== one) {
      this.#expectsHead = false // as nearly always: no status of the form 1xx
      return chunk
    }
    let bytes = this.#begun ? Buffer.concat([this.#begun, chunk]) : chunk
    this.#begun = undefined
    const passed: Buffer[] = []
    while (bytes.length > 0 && mayBe(interim, bytes)) {
      const end = bytes.indexOf(endOfHead)
      if (end < 0) {
        if (bytes.length > this.#maxHeadBytes) break // whoever parses it refuses it
        this.#begun = bytes
        return Buffer.concat(passed)
      }
      const next = end + endOfHead.length
      if (!bytes.subarray(0, keepGoing.length).equals(keepGoing)) passed.push(bytes.subarray(0, next))
      bytes = bytes.subarray(next)
    }
    if (bytes.length > 0) this.#expectsHead = false
    return passed.length === 0 ? bytes : Buffer.concat([...passed, bytes])
  }
}

/** Has everything that is read from a connection pass a filter. undici reads with `read()` and no argument, and nothing else does. */
export function filterReads(socket: Readable, filter: InterimFilter): void {
  const read = socket.read.bind(socket) as (size?: number) => Buffer | null
  socket.read = (size?: number): Buffer | null => {
    for (;;) {
      const chunk = read(size)
      if (chunk === null || size !== undefined) return chunk
      const passed = filter.pass(chunk)
      if (passed.length > 0) return passed
    }
  }
}

/** Whether these bytes begin with, or are, the beginning of others. */
function mayBe(beginning: Buffer, bytes: Buffer): boolean {
  const compared = Math.min(beginning.length, bytes.length)
  return beginning.compare(bytes, 0, compared, 0, compared) === 0
}
