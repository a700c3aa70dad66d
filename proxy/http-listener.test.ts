import { once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import { connect } from 'node:net'
import { expect, it, onTestFinished } from 'vitest'
import { HttpConnections } from './http-connections.ts'
import { startHttpListener } from './http-listener.ts'
import { Quota } from './quota.ts'
import { UnreadClients } from './request/unread-clients.ts'
import { parseIpNetworks } from './settings/ip-networks.ts'

it('holds connections that are there already to a new time limit of the client', async () => {
  const refused: number[] = []
  const trustedProxies = () => parseIpNetworks('').networks
  const onLimit = () => {}
  const unread = new UnreadClients()
  const listener = await startHttpListener({
    listen: { host: '127.0.0.1', port: 0 },
    clientMs: 60_000,
    pipeline: async ({ carrier }) => carrier.answer(200, {}, 'ok', false),
    connections: new HttpConnections({ max: () => 10, trustedProxies, onLimit }),
    pipelined: new Quota(() => ({ total: 1, perKey: 1 })),
    onLimit,
    onRefused: (status) => void refused.push(status),
    trustedProxies,
    isSharedKey: () => false,
    unread,
  })
  onTestFinished(async () => {
    unread.close()
    listener.destroy()
    await listener.drain()
  })
  const silent = connect({ port: listener.port, host: '127.0.0.1' })
  const session = connectHttp2(`http://127.0.0.1:${listener.port}`)
  const stream = session.request({ ':path': '/' })
  const [{ ':status': status }] = (await once(stream, 'response')) as [{ ':status': number }]
  expect(status).toBe(200)
  stream.resume()
  const ended = [once(silent.resume(), 'close'), once(session, 'close')]
  listener.setClientMs(100)
  await Promise.all(ended)
  expect(refused).toEqual([408])
})
