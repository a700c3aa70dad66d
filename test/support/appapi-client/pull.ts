import { request as requestHttp } from 'node:http'
import { z } from 'zod'
import { ErrorStatus, NoAnswer } from './errors.ts'

/** What AppAPI made of a pull. */
export interface Pull {
  /** Every progress that the admin saw, in order: 0 to 94. */
  readonly progress: readonly number[]
  readonly lines: readonly string[]
  /** Milliseconds from the head of the answer to each line. */
  readonly arrivals: readonly number[]
}

const lineSchema = z.object({ id: z.string().optional(), status: z.string().optional() })

/** D2 through PHP's stream wrapper: HTTP/1.1, a connection of its own, no body (AppAPI contract §2.3, §3.1). */
export function pullImage(url: string, headers: Readonly<Record<string, string>>): Promise<Pull> {
  return new Promise((resolve, reject) => {
    const all = { ...headers, 'User-Agent': 'GuzzleHttp/7', Connection: 'close', 'Content-Length': '0' }
    const call = requestHttp(url, { method: 'POST', headers: all, agent: false })
    call.on('error', (error) => reject(new NoAnswer(`fopen(${url}): ${error.message}`)))
    call.on('response', (response) => {
      const began = performance.now()
      const lines: string[] = []
      const arrivals: number[] = []
      let rest = ''
      response.setEncoding('utf8')
      response.on('data', (text: string) => {
        const pieces = (rest + text).split('\n')
        rest = pieces.pop() ?? ''
        for (const piece of pieces.map((line) => line.trim()).filter(Boolean)) {
          lines.push(piece)
          arrivals.push(performance.now() - began)
        }
      })
      response.on('error', (error) => reject(new NoAnswer(`the pull broke off: ${error.message}`)))
      response.on('end', () => {
        const status = response.statusCode ?? 0
        if (status !== 200) return reject(new ErrorStatus(`POST ${url}`, status, response.statusMessage ?? '', lines.join('\n') + rest))
        // An `error` in the stream is not noticed: then the create fails.
        resolve({ progress: progressOf(lines), lines, arrivals })
      })
    })
    call.end()
  })
}

/** Jumps from 0 to 94 when all layers are there; one line that cannot be read ends the counting. */
function progressOf(lines: readonly string[]): readonly number[] {
  const layers = new Map<string, boolean>()
  const progress = [0]
  for (const line of lines) {
    const read = lineSchema.safeParse(safeJson(line))
    if (!read.success) return progress
    const { id, status } = read.data
    if (id === undefined || status === undefined || status.startsWith('Pulling from')) continue
    layers.set(id, ['Pull complete', 'Already exists'].includes(status))
  }
  return layers.size > 0 && [...layers.values()].every(Boolean) ? [...progress, 94] : progress
}

function safeJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
