import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'

/** The path of a request without its query, undecoded. */
export function pathOf(request: IncomingMessage): string {
  return (request.url ?? '').split('?', 1)[0] ?? ''
}

/** One decoded query parameter. */
export function queryOf(request: IncomingMessage, name: string): string | undefined {
  const url = request.url ?? ''
  const start = url.indexOf('?')
  return start === -1 ? undefined : (new URLSearchParams(url.slice(start)).get(name) ?? undefined)
}

/** Sends a whole body with its length. */
export function answer(
  response: ServerResponse,
  status: number,
  contentType: string,
  body: string,
  headers: OutgoingHttpHeaders = {},
): void {
  response.writeHead(status, { 'Content-Type': contentType, 'Content-Length': Buffer.byteLength(body), ...headers })
  response.end(body)
}

/** Sends JSON the way AppAPI's controllers do. */
export function answerJson(
  response: ServerResponse,
  status: number,
  value: unknown,
  headers: OutgoingHttpHeaders = {},
): void {
  answer(response, status, 'application/json; charset=utf-8', JSON.stringify(value), {
    'Cache-Control': 'no-cache, no-store, must-revalidate',
    ...headers,
  })
}

/** Sends what every endpoint but `exapp-meta` answers in maintenance mode (AppAPI contract §8.2). */
export function answerMaintenance(response: ServerResponse): void {
  answerJson(
    response,
    503,
    { message: 'This Nextcloud is under maintenance.' },
    { 'X-Nextcloud-Maintenance-Mode': '1', 'Retry-After': '120' },
  )
}

/** Sends the browser elsewhere; 303 turns the login form's POST into a GET. */
export function redirect(response: ServerResponse, location: string, headers: OutgoingHttpHeaders = {}): void {
  response.writeHead(303, { Location: location, 'Content-Length': 0, ...headers })
  response.end()
}
