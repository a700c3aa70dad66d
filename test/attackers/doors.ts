import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { connect as connectTls, type ConnectionOptions } from 'node:tls'
import { createWebSocketStream, WebSocket } from 'ws'

/** A way into the tunnel port: what lies between TCP and frp's own protocols. The loopback address is the attacker's. */
export type OpenDoor = (port: number, from: string) => Promise<Duplex>

/** HaRP's three files, as a client of the tunnel port uses them. */
export async function clientCertificate(folder: string): Promise<ConnectionOptions> {
  const [ca, cert, key] = await Promise.all(['ca.crt', 'client.crt', 'client.key'].map((name) => readFile(join(folder, name), 'utf8')))
  return { ca: ca ?? '', cert: cert ?? '', key: key ?? '', servername: 'harp.nc' }
}

const overTcp: OpenDoor = async (port, from) => {
  const socket = connect({ port, host: '127.0.0.1', localAddress: from, noDelay: true }).on('error', ignore)
  await once(socket, 'connect')
  return socket
}

const within = (open: OpenDoor, tls: ConnectionOptions): OpenDoor => async (port, from) => {
  const below = await open(port, from)
  const socket = connectTls({ ...tls, socket: below }).on('error', ignore)
  endTogether(socket, below)
  await once(socket, 'secureConnect')
  return socket
}

const overWebsocket = (open: OpenDoor): OpenDoor => async (port, from) => {
  const below = await open(port, from)
  const socket = new WebSocket(`ws://127.0.0.1:${port}/~!frp`, { createConnection: () => below as never, perMessageDeflate: false }) // ws only writes to it
  const stream = createWebSocketStream(socket).on('error', ignore)
  endTogether(stream, below)
  await once(socket, 'open')
  return stream
}

/** Where the server has TLS switched off. */
export const openDoors = {
  'in plain': overTcp,
  'over TLS without a certificate': within(overTcp, { rejectUnauthorized: false }),
  'over a websocket': overWebsocket(overTcp),
} satisfies Readonly<Record<string, OpenDoor>>

/** Where the server demands a client certificate. */
export const guardedDoors = (tls: ConnectionOptions) => ({
  'over TLS with a certificate': within(overTcp, tls),
  'over a websocket with that TLS inside': within(overWebsocket(overTcp), tls),
  'over a websocket within that TLS': overWebsocket(within(overTcp, tls)),
}) satisfies Readonly<Record<string, OpenDoor>>

/** Layers do not always tell each other. */
function endTogether(layer: Duplex, below: Duplex): void {
  layer.once('close', () => below.destroy())
  below.once('close', () => layer.destroy())
}

/** Ways into the ports for visitors, where a client of TLS chooses its HTTP by ALPN. */
export const httpDoors = {
  http: overTcp,
  https: within(overTcp, { rejectUnauthorized: false }),
  httpsForHttp2: within(overTcp, { rejectUnauthorized: false, ALPNProtocols: ['h2'] }),
}

/** A lost connection is followed by 'close', which those who care wait for. */
function ignore(): void {}
