import { DATA, FIN, frame, PING, SYN, WINDOW_UPDATE } from '../../../proxy/tunnel/mux/peer.fixture.ts'
import { privilegeKey } from '../../../proxy/tunnel/protocol/auth-key.ts'
import { CfbEncoder, deriveKey } from '../../../proxy/tunnel/protocol/cipher.ts'
import { encodeFrame } from '../../../proxy/tunnel/protocol/codec.ts'
import { encodeMessageFrameV2, FrameTypeV2, encodeFrameV2, MAGIC_V2 } from '../../../proxy/tunnel/protocol/codec-v2.ts'
import { flag, frame as frame2, frameType, getFields, headerBlock, preface, settingsFrame } from '../../request/http2-frames.ts'
import { seededBytes } from '../../attackers/seeded-bytes.ts'
import { sharedKey } from '../../support/data-plane.ts'

/** What an honest client says, as one piece of bytes: what a fuzzer begins with. */
export type Conversations = Readonly<Record<string, Buffer>>

const message = (type: string, body: object): Buffer => encodeFrame(type.charCodeAt(0), JSON.stringify(body))
const data = (id: number, bytes: Buffer): Buffer => frame(DATA, 0, id, bytes.length, bytes)
const open = (id: number): Buffer => frame(WINDOW_UPDATE, SYN, id, 0x5c0000)

const login = { version: '0.61.1', os: 'linux', arch: 'amd64', privilege_key: privilegeKey('', 1), timestamp: 1, metas: { token: sharedKey }, client_spec: {}, pool_count: 1, run_id: 'fuzzed' }
const control = (): Buffer => {
  const encoder = new CfbEncoder(deriveKey(''), Buffer.alloc(16, 7)) // the same each time, as everything here
  const said = [message('p', { proxy_name: 'fuzzed', proxy_type: 'tcp', remote_port: 23_500 }), message('h', {}), message('c', { proxy_name: 'fuzzed' })]
  return Buffer.concat(said.map((bytes) => encoder.encode(bytes)))
}
const muxed = Buffer.concat([
  open(1), data(1, message('o', login)), frame(PING, SYN, 0, 1), data(1, control()),
  open(3), data(3, message('w', { run_id: 'fuzzed' })), open(5), data(5, message('v', { proxy_name: 'x' })), frame(WINDOW_UPDATE, 0, 1, 5), frame(WINDOW_UPDATE, FIN, 3, 0),
])
const hello = JSON.stringify({ capabilities: { message: { codecs: ['json'] }, crypto: { algorithms: ['aes-256-gcm'], clientRandom: Buffer.alloc(32).toString('base64') } } })
const wireV2 = Buffer.concat([MAGIC_V2, encodeFrameV2(FrameTypeV2.clientHello, Buffer.from(hello)), encodeMessageFrameV2(0x6f, JSON.stringify(login)), seededBytes(40, 40)])

const upgrade = Buffer.from('GET /~!frp HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: WmVdt7e5VnU4qZfg4nV+vQ==\r\nSec-WebSocket-Version: 13\r\n\r\n')
/** Masked with zeros: the payload is as it is. */
const websocketFrame = (opcode: number, payload: Buffer): Buffer => {
  const length = Buffer.alloc(2)
  length.writeUInt16BE(payload.length)
  return Buffer.concat([Buffer.of(0x80 | opcode, 0xfe), length, Buffer.alloc(4), payload])
}

/** The first thing that a client of TLS says (recorded from Node, TLS 1.2 with one cipher for the sake of brevity). */
const clientHello = Buffer.from(
  '160301009601000092030325e1d5b1e805bcb1ecd7b66577a683b6ac19dd2ac422d15a4ec13989d2fb6fa5000002c02f01000067ff010001000000000c000a0000'
  + '07686172702e6e63000b000403000102000a000c000a001d0017001e00180019002300000016000000170000000d002a002804030506030807080808090'
  + '80a080b080408050806040105010601030303010302040205020602',
  'hex',
)

/** Of tunnel clients. */
export const frpConversations: Conversations = {
  'a muxed session': muxed,
  'a session without a multiplexer': Buffer.concat([message('o', login), control()]),
  'a work connection': message('w', { run_id: 'fuzzed' }),
  'wire v2': wireV2,
  'wire v2 in a stream': Buffer.concat([open(1), data(1, wireV2)]),
  'a websocket': Buffer.concat([upgrade, websocketFrame(2, muxed), websocketFrame(9, Buffer.from('ping')), websocketFrame(8, Buffer.alloc(0))]),
  'a ClientHello': clientHello,
  'a ClientHello behind frp’s byte': Buffer.concat([Buffer.of(0x17), clientHello]),
}

const post = 'POST /exapps/demo/upload HTTP/1.1\r\nHost: x\r\n'
const keyed = `harp-shared-key: ${sharedKey}\r\nex-app-id: demo\r\nex-app-port: 1\r\nauthorization-app-api: Ong=\r\n`

/** Of visitors, and of AppAPI. */
export const http1Conversations: Conversations = Object.fromEntries(
  Object.entries({
    'a page': 'GET /exapps/demo/x?a=b HTTP/1.1\r\nHost: x\r\nCookie: oc_sessionPassphrase=y\r\nX-Forwarded-For: 10.0.0.1\r\n\r\n',
    'two pages': 'GET /exapps/demo/x HTTP/1.1\r\nHost: x\r\n\r\nGET /exapps/demo/y HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
    'an upload': `${post}Content-Length: 10\r\n\r\n0123456789GET /x HTTP/1.1\r\nHost: x\r\n\r\n`,
    'an upload in chunks': `${post}Transfer-Encoding: chunked\r\nTrailer: X\r\n\r\n5;a=b\r\nhello\r\n0\r\nX: y\r\n\r\n`,
    'an upload that waits': `${post}Content-Length: 5\r\nExpect: 100-continue\r\n\r\nhello`,
    'a websocket': 'GET /exapps/demo/ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: WmVdt7e5VnU4qZfg4nV+vQ==\r\nSec-WebSocket-Version: 13\r\n\r\n\x81\x85\x00\x00\x00\x00hello',
    'AppAPI': `PUT /exapps/demo/enabled?enabled=1 HTTP/1.1\r\nHost: x\r\n${keyed}\r\n`,
    'the control API': `GET /exapps/app_api/info HTTP/1.1\r\nHost: x\r\n${keyed}\r\nPOST /exapps/app_api/exapp_storage/demo HTTP/1.1\r\nHost: x\r\n${keyed}Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`,
    'a Docker call': `GET /exapps/app_api/v1.44/_ping HTTP/1.1\r\nHost: x\r\n${keyed}docker-engine-port: 24000\r\n\r\n`,
  }).map(([name, text]) => [name, Buffer.from(text, 'latin1')]),
)

const head = (id: number, path: string, flags: number, method = 'GET'): Buffer => frame2(frameType.headers, flags, id, headerBlock(getFields(path, [['cookie', 'a=b']], method)))
const opening = Buffer.concat([preface, settingsFrame, frame2(frameType.settings, flag.ack, 0)])

/** Of visitors who speak TLS. */
export const tlsConversations: Conversations = { 'a ClientHello': clientHello }

/** Of visitors who speak HTTP/2. */
export const http2Conversations: Conversations = {
  'a page by HTTP/2': Buffer.concat([opening, head(1, '/exapps/demo/x', flag.endHeaders | flag.endStream)]),
  'an upload by HTTP/2': Buffer.concat([opening, head(1, '/exapps/demo/upload', flag.endHeaders, 'POST'), frame2(frameType.data, 0, 1, 'hello'), frame2(frameType.data, flag.endStream, 1, 'x')]),
  'all frames of HTTP/2': Buffer.concat([
    opening, head(1, '/exapps/demo/x', 0), frame2(frameType.continuation, flag.endHeaders, 1, headerBlock([['x', 'y']])), frame2(frameType.priority, 0, 3, Buffer.alloc(5)),
    frame2(frameType.ping, 0, 0, Buffer.alloc(8)), frame2(frameType.windowUpdate, 0, 0, Buffer.of(0, 0, 1, 0)), frame2(frameType.reset, 0, 1, Buffer.of(0, 0, 0, 8)), frame2(frameType.goAway, 0, 0, Buffer.alloc(8)),
  ]),
}
