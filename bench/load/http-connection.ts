import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'

/** An HTTP/1.1 client connection that costs the load generator little: bytes out, and of the answer only status and length are read. */
export class HttpConnection {
  readonly #socket: Socket
  #head = ''
  #bodyBytesLeft = -1
  #waiter: PromiseWithResolvers<void> | undefined

  private constructor(socket: Socket) {
    this.#socket = socket
    const fail = (error: Error): void => this.#waiter?.reject(error)
    socket.on('data', (chunk: Buffer) => this.#read(chunk)).on('error', fail).on('close', () => fail(new Error('the server closed the connection')))
  }

  static async open(url: string): Promise<HttpConnection> {
    const { hostname, port } = new URL(url)
    const socket = connect({ host: hostname, port: Number(port), noDelay: true })
    await once(socket, 'connect')
    return new HttpConnection(socket)
  }

  /** Sends one request and waits for the whole answer. @throws Error at another status than 200, and when the connection ends */
  async exchange(head: string, body?: { readonly block: Buffer; readonly blocks: number }): Promise<void> {
    this.#waiter = Promise.withResolvers<void>()
    const answered = this.#waiter.promise
    answered.catch(() => {}) // also awaited below, after the body
    this.#socket.write(head)
    if (body) await this.#send(body.block, body.blocks, answered)
    await answered
  }

  async #send(block: Buffer, blocks: number, answered: Promise<void>): Promise<void> {
    for (let sent = 0; sent < blocks && !this.#socket.destroyed; sent++) {
      if (!this.#socket.write(block)) await Promise.race([once(this.#socket, 'drain'), answered])
    }
  }

  close(): void {
    this.#socket.destroy()
  }

  #read(chunk: Buffer): void {
    if (this.#bodyBytesLeft < 0) {
      this.#head += chunk.toString('latin1')
      const end = this.#head.indexOf('\r\n\r\n')
      if (end === -1) return
      const length = /\r\ncontent-length: (\d+)/i.exec(this.#head.slice(0, end))?.[1]
      if (!this.#head.startsWith('HTTP/1.1 200 ') || length === undefined) {
        this.#waiter?.reject(new Error(`unexpected answer: ${this.#head.slice(0, end)}`))
        return
      }
      this.#bodyBytesLeft = Number(length) - (this.#head.length - end - 4)
    } else {
      this.#bodyBytesLeft -= chunk.length
    }
    if (this.#bodyBytesLeft > 0) return
    this.#bodyBytesLeft = -1
    this.#head = ''
    this.#waiter?.resolve()
  }
}

/** The head of a request of the one user that all rows have. */
export function requestHead(method: string, url: string, headers: Readonly<Record<string, string>>): string {
  const { host, pathname, search } = new URL(url)
  const lines = Object.entries({ Host: host, ...headers }).map(([name, value]) => `${name}: ${value}\r\n`)
  return `${method} ${pathname}${search} HTTP/1.1\r\n${lines.join('')}\r\n`
}
