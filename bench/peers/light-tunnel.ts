import { once } from 'node:events'
import { connect } from 'node:tls'
import type { ConnectionOptions, TLSSocket } from 'node:tls'
import { FrameDecoder as MuxDecoder } from '../../proxy/tunnel/mux/decoder.ts'
import { dataHeader, encodeHeader, pingReply, pingRequest, windowUpdate } from '../../proxy/tunnel/mux/encoder.ts'
import { Flag, FrameType, hasFlag } from '../../proxy/tunnel/mux/frame.ts'
import { privilegeKey } from '../../proxy/tunnel/protocol/auth-key.ts'
import { CfbDecoder, CfbEncoder, deriveKey } from '../../proxy/tunnel/protocol/cipher.ts'
import { FrameDecoder as MessageDecoder, encodeFrame } from '../../proxy/tunnel/protocol/codec.ts'

/** Whom to dial, and what to claim there. */
export interface LightTunnelOptions {
  readonly tls: ConnectionOptions
  readonly token: string
  readonly claim: { readonly name: string; readonly remotePort: number }
}

/** yamux clients open odd streams; frpc's first one is its control stream. */
const controlStream = 1

/** As frpc's yamux does. */
const pingIntervalMs = 30_000

/** The answers that matter, by frp's type letters: LoginResp, NewProxyResp, ReqWorkConn. */
type Message = { readonly type: string; readonly body: { readonly run_id?: string; readonly error?: string } }

/** Dials in, logs in and claims a tunnel that then stays idle. @throws Error when the server refuses */
export async function openLightTunnel({ tls, token, claim }: LightTunnelOptions): Promise<AsyncDisposable> {
  const socket = connect(tls)
  const { promise: established, resolve, reject } = Promise.withResolvers<void>()
  socket.on('error', reject).on('close', () => reject(new Error('the server closed a light tunnel')))
  established.catch(() => {}) // that it closes later is no failure
  await once(socket, 'secureConnect')

  const timestamp = Math.floor(Date.now() / 1000)
  const proof = { privilege_key: privilegeKey('', timestamp), timestamp }
  const control = new CfbEncoder(deriveKey(''))
  const say = (streamId: number, type: string, body: object, cipher?: CfbEncoder): void => {
    const frame = encodeFrame(type.charCodeAt(0), JSON.stringify(body))
    const bytes = cipher ? cipher.encode(frame) : frame
    socket.write(Buffer.concat([encodeHeader(dataHeader(streamId, bytes.length)), bytes]))
  }
  const openStream = (streamId: number): void => {
    socket.write(encodeHeader(windowUpdate(streamId, Flag.syn, 0)))
  }

  let runId = ''
  let lastStream = controlStream
  hear(socket, ({ type, body }) => {
    if (body.error) reject(new Error(body.error))
    else if (type === '1') {
      runId = body.run_id ?? ''
      say(controlStream, 'p', { proxy_name: claim.name, proxy_type: 'tcp', remote_port: claim.remotePort }, control)
    } else if (type === '2') resolve()
    else if (type === 'r') {
      lastStream += 2
      openStream(lastStream)
      say(lastStream, 'w', { run_id: runId, ...proof })
    }
  })
  let pings = 0
  const ping = setInterval(() => socket.write(encodeHeader(pingRequest(pings++))), pingIntervalMs)
  openStream(controlStream)
  say(controlStream, 'o', { version: '0.61.1', hostname: '', os: 'linux', arch: 'amd64', pool_count: 1, metas: { token }, ...proof })
  try {
    await established
  } catch (error) {
    clearInterval(ping)
    socket.destroy()
    throw error
  }
  return {
    [Symbol.asyncDispose]: async () => {
      clearInterval(ping)
      socket.destroy()
    },
  }
}

/** Answers pings, and tells what the server says on the control stream: the first message in clear, the rest encrypted. */
function hear(socket: TLSSocket, onMessage: (message: Message) => void): void {
  const frames = new MuxDecoder()
  const messages = new MessageDecoder()
  const cipher = new CfbDecoder(deriveKey(''))
  let isLoggedIn = false
  const read = (bytes: Buffer): void => {
    for (const { type, payload } of messages.push(isLoggedIn ? cipher.decode(bytes) : bytes)) {
      onMessage({ type: String.fromCharCode(type), body: JSON.parse(payload.toString()) as Message['body'] })
      if (isLoggedIn) continue
      isLoggedIn = true
      const rest = messages.takeRest()
      if (rest.length > 0) read(rest)
      return
    }
  }
  socket.on('data', (chunk: Buffer) => {
    for (const event of frames.push(chunk)) {
      const { header } = event
      if (event.kind === 'payload') {
        if (header.streamId === controlStream) read(event.bytes)
      } else if (header.type === FrameType.ping && hasFlag(header, Flag.syn)) socket.write(encodeHeader(pingReply(header.length)))
    }
  })
}
