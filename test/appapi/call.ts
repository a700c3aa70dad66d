import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { sharedKey } from '../support/data-plane.ts'
import { type Answer, sendForAnswer } from '../support/send.ts'

/** What a call to the control API consists of beyond its path. */
export interface Call {
  readonly method?: string
  readonly body?: string | Buffer
  readonly headers?: Readonly<Record<string, string>>
}

/** A valid record as AppAPI pushes it, of an ExApp on this port that lets everybody in. */
export const recordFor = (port: number | undefined): string =>
  JSON.stringify({ exapp_token: 't', exapp_version: '1', host: '127.0.0.1', port, routes: [{ url: '.*', access_level: 0 }] })

/** Calls the control API as AppAPI does, with the right key. */
export function callApi(port: number, path: string, { headers = {}, ...call }: Call = {}): Promise<Answer> {
  return sendForAnswer({
    port,
    path: `/exapps/app_api${path}`,
    headers: { 'harp-shared-key': sharedKey, ...headers },
    ...call,
  })
}

/** A record as AppAPI pushes it: PHP escapes slashes and everything beyond ASCII. */
export const phpJson = (value: unknown): string =>
  JSON.stringify(value)
    .replaceAll('/', String.raw`\/`)
    .replace(/[^\p{ASCII}]/gu, (character) =>
      [...Array(character.length).keys()]
        .map((at) => String.raw`\u` + character.charCodeAt(at).toString(16).padStart(4, '0'))
        .join(''),
    )

/** A connection that is written to and read from byte by byte. */
export interface RawConnection {
  readonly socket: Socket
  /** The next answer, which has to begin where the one before ended; rejects when the connection ends first. */
  readonly answer: (to?: 'HEAD') => Promise<{ readonly status: number; readonly head: string; readonly body: string }>
  /** What has come and was not taken as an answer. */
  readonly rest: () => string
  readonly ended: Promise<unknown>
}

export async function openRaw(port: number): Promise<RawConnection> {
  const socket = connect({ port, host: '127.0.0.1' })
  await once(socket, 'connect')
  let received = ''
  let isOver = false
  const wake = new Set<() => void>()
  const tell = (): void => {
    for (const listener of wake) listener()
  }
  socket.setEncoding('latin1').on('data', (part: string) => {
    received += part
    tell()
  })
  socket.on('error', () => {}) // a reset is an end like any other here
  const ended = once(socket, 'close').then(() => {
    isOver = true
    tell()
  })

  /** Takes what the pattern matches at the beginning of what has come, as soon as it is there. */
  const take = (pattern: RegExp): Promise<RegExpExecArray> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const match = pattern.exec(received)
        if (!match && !isOver) return
        wake.delete(look)
        if (!match) return reject(new Error(`the connection ended without ${pattern}; it brought: ${received}`))
        received = received.slice(match[0].length)
        resolve(match)
      }
      wake.add(look)
      look()
    })

  const answer: RawConnection['answer'] = async (to) => {
    const [head, status] = await take(/^HTTP\/1\.1 (\d{3}) [^]*?\r\n\r\n/)
    const length = to === 'HEAD' ? '0' : (/^content-length: (\d+)/im.exec(head)?.[1] ?? '0')
    const [body] = await take(new RegExp(`^[^]{${length}}`))
    return { status: Number(status), head, body }
  }
  return { socket, answer, rest: () => received, ended }
}

/** The head of a call to the control API, as bytes. */
export const rawHead = (method: string, path: string, lines: readonly string[] = []): string =>
  [`${method} /exapps/app_api${path} HTTP/1.1`, 'Host: harp', `harp-shared-key: ${sharedKey}`, ...lines, '', ''].join(
    '\r\n',
  )
