import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Answer, send, type Sent } from '../../test/support/send.ts'
import { parseIpNetworks } from '../settings/ip-networks.ts'
import type { Exchange } from './exchange.ts'
import { Http1Carrier } from './http1-carrier.ts'
import { openExchange } from './open-exchange.ts'
import { createKeyCheck } from './shared-key.ts'

/** The shared key that `answerTo` expects. */
export const sharedKey = 'sk'

/** Sends one real request, hands its exchange to `handle`, and gives what the client saw; the server ends with it. */
export async function answerTo(sent: Omit<Sent, 'port'>, handle: (exchange: Exchange, reply: ServerResponse) => unknown): Promise<Answer | 'dropped'> {
  const options = { trustedProxies: () => parseIpNetworks('').networks, isSharedKey: createKeyCheck(() => [sharedKey]) }
  let failure: unknown
  const serve = (expectsContinue: boolean) => (incoming: IncomingMessage, reply: ServerResponse) => {
    new Promise((resolve) => resolve(handle(openExchange(new Http1Carrier(incoming, reply), { upgrade: undefined, expectsContinue }, options), reply))).catch((error: unknown) => {
      failure = error
      incoming.socket.destroy()
    })
  }
  const server = createServer(serve(false)).on('checkContinue', serve(true)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    const answer = await send({ ...sent, port: (server.address() as AddressInfo).port })
    if (failure !== undefined) throw failure
    return answer
  } finally {
    server.close()
    server.closeAllConnections()
  }
}

/** What `decide` makes of the exchange of one real request. */
export async function decided<T>(sent: Omit<Sent, 'port'>, decide: (exchange: Exchange) => T | Promise<T>): Promise<T> {
  const results: T[] = []
  await answerTo(sent, async (exchange, reply) => {
    results.push(await decide(exchange))
    reply.end()
  })
  const [result] = results
  if (results.length !== 1) throw new Error('the request never arrived')
  return result as T
}
