import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { ReceivedRequest } from './request-log.ts'

/** Reads a request body of any size, keeping only its length, hash and trailers. */
export async function readBody(received: ReceivedRequest, request: IncomingMessage): Promise<void> {
  const hash = createHash('sha256')
  for await (const chunk of request) {
    hash.update(chunk as Buffer)
    received.bodyLength += (chunk as Buffer).length
  }
  received.bodySha256 = hash.digest('hex')
  received.trailers = request.trailers
}
