import { WebSocket } from 'ws'
import { z } from 'zod'

/** A page that is loaded on loopback answers in milliseconds; a first start on a busy machine takes seconds. */
const ANSWER_TIMEOUT_MS = 30_000

const messageSchema = z.object({
  id: z.number().optional(),
  sessionId: z.string().optional(),
  method: z.string().optional(),
  result: z.unknown().optional(),
  error: z.object({ message: z.string() }).optional(),
})

/** A connection to a browser's DevTools. */
export interface BrowserProtocol {
  /** Sends a command, to a page's session or to the browser, and gives its result. */
  readonly send: (method: string, parameters?: object, sessionId?: string) => Promise<unknown>
  /** Settles when the event arrives for that session; ask before causing it. */
  readonly event: (method: string, sessionId: string) => Promise<void>
  readonly close: () => void
}

/** Opens the DevTools connection of a browser. @throws Error when it cannot be opened */
export async function connectToBrowser(url: string): Promise<BrowserProtocol> {
  const socket = new WebSocket(url, { perMessageDeflate: false, handshakeTimeout: ANSWER_TIMEOUT_MS })
  await new Promise<void>((resolve, reject) => socket.once('open', resolve).once('error', reject))
  const waiting = new Map<string, PromiseWithResolvers<unknown>>()
  let lastId = 0

  socket.on('message', (data) => {
    if (!Buffer.isBuffer(data)) return // ws gives messages as one buffer unless told otherwise
    const { id, sessionId, method, result, error } = messageSchema.parse(JSON.parse(data.toString()))
    const key = id === undefined ? eventKey(method, sessionId) : `${id}`
    const answer = waiting.get(key)
    waiting.delete(key)
    if (error) answer?.reject(new Error(`Chromium refused: ${error.message}`))
    else answer?.resolve(result)
  })
  socket.on('error', () => {}) // a close follows
  socket.on('close', () => {
    for (const answer of waiting.values()) answer.reject(new Error('the connection to Chromium is closed'))
    waiting.clear()
  })

  const wait = (key: string): Promise<unknown> => {
    const answer = waiting.get(key) ?? Promise.withResolvers<unknown>()
    waiting.set(key, answer)
    const timer = setTimeout(() => answer.reject(new Error(`Chromium did not answer (${key})`)), ANSWER_TIMEOUT_MS)
    return answer.promise.finally(() => clearTimeout(timer))
  }

  return {
    send: (method, params = {}, sessionId) => {
      const id = ++lastId
      socket.send(JSON.stringify({ id, method, params, sessionId }))
      return wait(`${id}`)
    },
    event: async (method, sessionId) => void (await wait(eventKey(method, sessionId))),
    close: () => socket.close(),
  }
}

function eventKey(method: string | undefined, sessionId: string | undefined): string {
  return `${method} ${sessionId}`
}
