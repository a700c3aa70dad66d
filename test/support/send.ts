import { request } from 'node:http'

type HeaderLines = Readonly<Record<string, string>> | readonly string[]

export interface Sent {
  readonly method?: string
  /** Request target, byte for byte. */
  readonly path: string
  /** A list keeps order and repetitions. */
  readonly headers?: HeaderLines
  readonly body?: string | Buffer
  readonly port: number
  /** Loopback address to send from, so that one test's failures do not ban another's. */
  readonly from?: string
}

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly rawHeaders: readonly string[]
  readonly text: string
}

/** Sends one request on a connection of its own; `'dropped'` when the connection ended without a byte. */
export function send({ method = 'GET', path, headers = {}, body, port, from }: Sent): Promise<Answer | 'dropped'> {
  return new Promise((resolve, reject) => {
    const host = ['Host', `127.0.0.1:${port}`]
    const lines = isList(headers) ? [...host, ...headers] : [...host, ...Object.entries(headers).flat()]
    const call = request({ host: '127.0.0.1', port, method, path, headers: lines, agent: false, ...(from ? { localAddress: from } : {}) })
    call.on('error', (error: NodeJS.ErrnoException) => (error.code === 'ECONNRESET' ? resolve('dropped') : reject(error)))
    call.on('response', (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, rawHeaders: response.rawHeaders, text: Buffer.concat(chunks).toString('utf8') }),
      )
    })
    call.end(body)
  })
}

/** For tests that expect an answer. */
export async function sendForAnswer(sent: Sent): Promise<Answer> {
  const answer = await send(sent)
  if (answer === 'dropped') throw new Error(`${sent.method ?? 'GET'} ${sent.path} was dropped`)
  return answer
}

/** The status, or `'dropped'`. */
export async function statusOf(sent: Sent): Promise<number | 'dropped'> {
  const answer = await send(sent)
  return answer === 'dropped' ? answer : answer.status
}

const isList = (headers: HeaderLines): headers is readonly string[] => Array.isArray(headers)
