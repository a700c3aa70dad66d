// A visitor that can be stopped and killed. Says `under way`, and in the end `whole <hash>` or `broken <why>`.
// node client-program.ts <download|upload|websocket|events> <url>
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { WebSocket } from 'ws'
import { pacedContentOf, piecesUntilUnderWay } from './content.ts'
import type { TransferKind } from './content.ts'

class Broken extends Error {}

const transfers: Readonly<Record<TransferKind, (url: string) => Promise<string>>> = {
  async download(url) {
    const response = await answerTo(request(url, { agent: false }).end())
    const hash = createHash('sha256')
    const tell = progress(piecesUntilUnderWay * 64 * 1024)
    for await (const chunk of response as AsyncIterable<Buffer>) {
      hash.update(chunk)
      tell(chunk.length)
    }
    return hash.digest('hex')
  },

  async upload(url) {
    const call = request(url, { method: 'POST', agent: false })
    const answer = answerTo(call).then((response) => text(response))
    const tell = progress(piecesUntilUnderWay)
    const send = async (): Promise<void> => {
      for await (const piece of pacedContentOf('upload')) {
        if (call.destroyed) return // answered or cut: `answer` says how
        if (!call.write(piece)) await Promise.race([once(call, 'drain'), answer])
        tell(1)
      }
      call.end()
    }
    const [hash] = await Promise.all([answer, send()])
    return hash
  },

  async websocket(url) {
    const socket = new WebSocket(url.replace('http', 'ws'))
    const hash = createHash('sha256')
    const tell = progress(piecesUntilUnderWay)
    const ended = once(socket, 'close').then(([code]) => Promise.reject(new Broken(`closed with ${String(code)}`)))
    await Promise.race([once(socket, 'open'), ended])
    for await (const piece of pacedContentOf('websocket')) {
      socket.send(piece)
      const [echo] = (await Promise.race([once(socket, 'message'), ended])) as [Buffer]
      hash.update(echo)
      tell(1)
    }
    socket.close(1000)
    await ended.catch(() => {}) // in order, this time
    return hash.digest('hex')
  },

  async events(url) {
    const response = await answerTo(request(url, { agent: false }).end())
    const hash = createHash('sha256')
    const tell = progress(piecesUntilUnderWay)
    let pending = ''
    for await (const chunk of response.setEncoding('latin1') as AsyncIterable<string>) {
      const events = (pending + chunk).split('\n\n')
      pending = events.pop() ?? ''
      for (const event of events) {
        hash.update(Buffer.from(event.slice('data: '.length), 'base64'))
        tell(1)
      }
    }
    return hash.digest('hex')
  },
}

/** @throws Broken with the status when it is no 200 */
async function answerTo(call: ReturnType<typeof request>): Promise<IncomingMessage> {
  const [response] = (await once(call, 'response')) as [IncomingMessage]
  if (response.statusCode === 200) return response
  throw new Broken(String(response.statusCode))
}

function progress(goal: number): (step: number) => void {
  let done = 0
  return (step) => {
    if (done < goal && done + step >= goal) console.log('under way')
    done += step
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof Broken) return error.message
  return error instanceof Error && 'code' in error ? String(error.code) : String(error)
}

const [, , kind = '', url = ''] = process.argv
transfers[kind as TransferKind](url).then(
  (hash) => {
    console.log(`whole ${hash}`)
    process.exit()
  },
  (error: unknown) => {
    console.log(`broken ${reasonOf(error)}`)
    process.exit()
  },
)
