import type { ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'

/** Request line and headers together. HaRP refuses cookies beyond 8 KiB (Q34); browsers send more with many apps on one host. */
export const maxHeadBytes = 32 * 1024

/** HaRP's number (contract §10). */
export const maxHeaders = 100

const reasons: Readonly<Record<string, readonly [number, string]>> = {
  HPE_HEADER_OVERFLOW: [431, `the request head is longer than ${maxHeadBytes} bytes`],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'the request head did not come in time'],
}

/** What Node's parser refuses: bad HTTP, too long, too slow. It never became a whole request, so there is nothing to decide. Says what was answered. */
export function refuseBadHttp(error: NodeJS.ErrnoException, socket: Duplex, reply: ServerResponse | undefined): number | undefined {
  const inAnswer = reply?.headersSent === true && !reply.writableFinished
  if (!socket.writable || error.code === 'ECONNRESET' || inAnswer) {
    socket.destroy()
    return undefined
  }
  const [status, reason] = reasons[error.code ?? ''] ?? [400, 'not valid HTTP']
  answerRaw(socket, status, reason)
  return status
}

/** Refuses a request that was read but is not to be decided. */
export function refuseAtOnce(reply: ServerResponse, status: number, reason: string): void {
  reply.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', connection: 'close' })
  reply.end(`${status}: ${reason}`)
}

const statusTexts: Readonly<Record<number, string>> = { 400: 'Bad Request', 405: 'Method Not Allowed', 408: 'Request Timeout', 431: 'Request Header Fields Too Large', 503: 'Service Unavailable' }

/** The last words on a connection. */
export function answerRaw(socket: Duplex, status: number, reason: string): void {
  const body = `${status}: ${reason}`
  const head = `HTTP/1.1 ${status} ${statusTexts[status]}\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: ${body.length}\r\nconnection: close`
  socket.end(`${head}\r\n\r\n${body}`, () => socket.destroy())
}
