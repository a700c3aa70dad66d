import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'

/** The parts of Nextcloud that the stand-in tells apart. */
export type Endpoint = 'exapp-meta' | 'user-info' | 'ex-app-status' | 'login' | 'logout' | 'status' | 'start' | 'echo' | 'other'

/** One request as Nextcloud received it. */
export interface Call {
  readonly endpoint: Endpoint
  readonly method: string
  /** Request target, byte for byte. */
  readonly url: string
  /** Value of the `appId` query parameter, decoded. */
  readonly appId: string | undefined
  readonly headers: IncomingHttpHeaders
  /** Header lines in order, with the spelling and repetition they had on the wire. */
  readonly rawHeaders: readonly (readonly [name: string, value: string])[]
}

// Load tests call often: the log keeps what a failing assertion can still show, the counters keep the totals.
const maxCalls = 2000

/** Remembers who asked for what. */
export class CallLog {
  #calls: Call[] = []
  #counts = new Map<Endpoint, number>()

  get calls(): readonly Call[] {
    return this.#calls
  }

  record(endpoint: Endpoint, request: IncomingMessage): void {
    const url = request.url ?? ''
    this.#counts.set(endpoint, this.count(endpoint) + 1)
    this.#calls.push({
      endpoint,
      method: request.method ?? '',
      url,
      appId: new URLSearchParams(url.split('?')[1] ?? '').get('appId') ?? undefined,
      headers: request.headers,
      rawHeaders: headerLines(request.rawHeaders),
    })
    if (this.#calls.length > maxCalls) this.#calls.shift()
  }

  count(endpoint: Endpoint): number {
    return this.#counts.get(endpoint) ?? 0
  }

  clear(): void {
    this.#calls = []
    this.#counts.clear()
  }
}

function headerLines(rawHeaders: readonly string[]): readonly (readonly [string, string])[] {
  const lines: [string, string][] = []
  for (let index = 0; index < rawHeaders.length; index += 2) {
    lines.push([rawHeaders[index] ?? '', rawHeaders[index + 1] ?? ''])
  }
  return lines
}
