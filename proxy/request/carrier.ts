import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import type { Readable, Writable } from 'node:stream'
import type { FlatHeaders, RequestHead } from './head.ts'

/**
 * What one request came on and its answer goes out on: a turn of an HTTP/1.1 connection (`http1-carrier.ts`) or a stream of
 * HTTP/2 (`http2-carrier.ts`). Whatever the two do differently is done here; nobody else asks which one it is.
 */
export interface Carrier {
  readonly method: string
  /** Request target as the client wrote it. */
  readonly target: string
  /** Header lines in their order, as HTTP/1.1 has them: names and values in turn. */
  readonly rawHeaders: readonly string[]
  readonly remoteAddress: string | undefined
  readonly isEncrypted: boolean
  /** The request's body, to be read. */
  readonly incoming: Readable
  /** Trailer fields behind the request's body, names and values in turn; there are none before it has ended. */
  readonly trailers: readonly string[]
  /** The answer's body, to be watched: it closes when the client has everything, or is gone. */
  readonly reply: Writable
  /** Whether the client has been sent a head, so that no other answer is possible any more. */
  readonly headSent: boolean
  /** The status that was sent. */
  readonly status: number
  /** Whether nobody is left to answer. */
  readonly isGone: boolean

  /** Whether a request body follows, whatever the method. */
  hasBody(head: RequestHead): boolean
  /** Tells the client to send the body that it holds back. */
  sendContinue(): void
  /** Passes on an upstream's interim response (1xx), where the client's protocol knows them. */
  sendInterim(status: number, statusText: string, headers: FlatHeaders): void
  /** Sends the head of an upstream's response. The text counts in HTTP/1.1 only. */
  sendHead(status: number, statusText: string, headers: FlatHeaders): void
  /** Sends a head that still waits for its body. */
  flushHead(): void
  /** Sends a part of the body; `false`: wait for the reply's `drain`. */
  write(chunk: Buffer): boolean
  /** Ends the response. The client may leave what it has not got yet unread for so many milliseconds. */
  end(trailers: FlatHeaders, stallMs: number): void
  /** How long the client may take no byte while some wait, in milliseconds, before it is cut off. 0: for ever. */
  limitStall(milliseconds: number): void
  /** A whole answer of ours. `last`: where the client's next bytes could not be told from this request's body, nothing follows. */
  answer(status: number, headers: OutgoingHttpHeaders, text: string, last: boolean): void
  /** Leaves the rest of a body that nobody wants any more, once the answer is on its way. */
  discardBody(): void
  /** Ends a response early, so that the client sees that something is missing. */
  cutShort(): void
  /** Ends it without a byte (HaRP contract §3.4). */
  drop(): void
  /** The same as Node's pair of objects, for a router that knows nothing else. */
  forRouter(): { readonly incoming: IncomingMessage; readonly reply: ServerResponse }
}
