import { ClientGoneError, RequestError } from '../request/errors.ts'
import type { Exchange } from '../request/exchange.ts'
import { RequestBody } from '../request/request-body.ts'
import { ControlApiError } from './errors.ts'

export interface BodyLimits {
  readonly maxBytes: number
  /** How long the client may send nothing, in milliseconds. */
  readonly idleMs: number
}

/**
 * The whole body of a control call. One that is too long is refused from its head where that says so, before the client
 * is told to continue. Throws a `RequestError`; the rest of the body is then left unread.
 */
export async function readBody(
  { carrier, head, expectsContinue }: Exchange,
  { maxBytes, idleMs }: BodyLimits,
): Promise<Buffer> {
  const tooLong = (): ControlApiError =>
    new ControlApiError(413, `413: Request Entity Too Large: the body has more than ${maxBytes} bytes`, { limit: 'control_body_bytes' })
  if (Number(head.last.get('content-length') ?? 0) > maxBytes) throw tooLong()
  const body = new RequestBody(carrier.incoming, idleMs)
  if (expectsContinue) carrier.sendContinue()
  const chunks: Buffer[] = []
  let length = 0
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      length += chunk.length
      if (length > maxBytes) throw tooLong()
      chunks.push(chunk)
    }
  } catch (error) {
    throw error instanceof RequestError ? error : new ClientGoneError('the client went away', { cause: error })
  }
  return Buffer.concat(chunks, length)
}
