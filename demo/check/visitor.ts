import { once } from 'node:events'
import { request } from 'undici'
import { WebSocket } from 'ws'

/** What came back to a visitor. */
export interface Page {
  readonly status: number
  readonly text: string
}

// Far above what one answer on loopback takes, far below what a person would wait.
const answerTimeoutMs = 10_000

/** Somebody with a cookie jar, like a browser but without a window. */
export class Visitor {
  readonly #url: string
  #cookies = new Map<string, string>()

  constructor(url: string) {
    this.#url = url
  }

  async get(path: string): Promise<Page> {
    return this.#send('GET', path)
  }

  async login(user: string, password: string): Promise<Page> {
    return this.#send('POST', '/index.php/login', String(new URLSearchParams({ user, password })))
  }

  /** Opens a WebSocket and reads that many messages; the refusal's status when there is no WebSocket. */
  async readMessages(path: string, count: number): Promise<readonly string[] | number> {
    const url = new URL(path, this.#url.replace('http', 'ws'))
    const socket = new WebSocket(url, { headers: { cookie: this.#cookieHeader() }, handshakeTimeout: answerTimeoutMs })
    const signal = AbortSignal.timeout(answerTimeoutMs)
    try {
      const messages: string[] = []
      const refused = new Promise<number>((resolve) => {
        socket.once('unexpected-response', (_, response) => resolve(response.statusCode ?? 0))
      })
      const read = (async () => {
        while (messages.length < count) {
          const [message] = (await once(socket, 'message', { signal })) as [Buffer]
          messages.push(message.toString())
        }
        return messages
      })()
      return await Promise.race([refused, read])
    } finally {
      socket.on('error', () => {}) // Ending a handshake that was refused is an error to ws.
      socket.terminate()
    }
  }

  async #send(method: 'GET' | 'POST', path: string, form?: string): Promise<Page> {
    const response = await request(new URL(path, this.#url), {
      method,
      headers: {
        cookie: this.#cookieHeader(),
        ...(form === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }),
      },
      body: form ?? null,
      headersTimeout: answerTimeoutMs,
      bodyTimeout: answerTimeoutMs,
    })
    const lines = response.headers['set-cookie'] ?? []
    for (const line of typeof lines === 'string' ? [lines] : lines) this.#keep(line)
    return { status: response.statusCode, text: await response.body.text() }
  }

  #keep(setCookie: string): void {
    const [pair = '', ...attributes] = setCookie.split(';').map((part) => part.trim())
    const name = pair.split('=', 1)[0] ?? ''
    if (attributes.includes('Max-Age=0')) this.#cookies.delete(name)
    else this.#cookies.set(name, pair.slice(name.length + 1))
  }

  #cookieHeader(): string {
    return [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ')
  }
}
