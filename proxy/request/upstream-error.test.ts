import { errors } from 'undici'
import { describe, expect, it } from 'vitest'
import { FrpProtocolError, ServiceUnreachableError, TunnelBusyError, TunnelNotConnectedError, TunnelUnresponsiveError } from '../tunnel/errors.ts'
import { KeepAliveTimeoutError, SessionClosedError, StreamMemoryError, StreamResetError } from '../tunnel/mux/errors.ts'
import { ClientGoneError } from './errors.ts'
import type { Upstream } from './upstream.ts'
import { upstreamError } from './upstream-error.ts'

const tcp: Upstream = { kind: 'tcp', host: 'demo', port: 80 }
const tunnel: Upstream = { kind: 'tunnel', remotePort: 23_000 }
const unix: Upstream = { kind: 'unix', path: '/var/run/docker.sock' }
const coded = (code: string) => Object.assign(new Error('geheim'), { code })

describe('upstreamError', () => {
  it.each<[string, Upstream, unknown, number, string, RegExp]>([
    ['a refused connection', tcp, coded('ECONNREFUSED'), 503, 'unreachable', /^tcp:demo:80 cannot be reached \(ECONNREFUSED\); is it running, and does it listen on that address and port\?$/],
    ['no way to the host', tcp, coded('EHOSTUNREACH'), 503, 'unreachable', /^tcp:demo:80 cannot be reached \(EHOSTUNREACH\); /],
    ['a missing socket', unix, coded('ENOENT'), 503, 'unreachable', /^unix:\/var\/run\/docker\.sock cannot be reached \(ENOENT\); is the Docker Engine running, its socket mounted here/],
    ['a socket of somebody else', unix, coded('EACCES'), 503, 'unreachable', /this process allowed to open it\?$/],
    ['an ExApp on loopback without a tunnel', { kind: 'tcp', host: '127.0.0.1', port: 23_000 }, coded('ECONNREFUSED'), 503, 'unreachable', /no tunnel is connected on remote port 23000 either: is frpc running/],
    ['no tunnel', tunnel, new TunnelNotConnectedError(23_000, 'gone'), 503, 'unreachable', /23000.*is frpc running at the other end, and what does its log say\?$/],
    ['a tunnel that opens nothing', tunnel, new TunnelUnresponsiveError(23_000, 'silent'), 504, 'timeout', /23000.*frpc is connected but opens no connection$/],
    ['a tunnel with nobody behind it', tunnel, new ServiceUnreachableError(23_000), 503, 'unreachable', /^the tunnel on remote port 23000 is connected, but frpc reaches nobody behind it; is it running there/],
    ['a tunnel that is closed at once', tunnel, new errors.SocketError('geheim'), 502, 'closed', /^the server behind tunnel 23000 closed .* \(UND_ERR_SOCKET\); is it running there, and does it listen where frpc is told to reach it\?$/],
    ['a tunnel that is lost meanwhile', tunnel, new SessionClosedError(new KeepAliveTimeoutError(10_000)), 502, 'closed', /^the tunnel to the server behind tunnel 23000 was lost while it carried this request: the peer did not answer a ping within 10000 ms$/],
    ['a tunnel that carries garbage', tunnel, new FrpProtocolError('a compressed chunk has a wrong checksum'), 502, 'closed', /carried what it should not: a compressed chunk has a wrong checksum$/],
    ['no answer', tunnel, new errors.HeadersTimeoutError(), 504, 'timeout', /^the server behind tunnel 23000 did not answer in time; /],
    ['a gap in the answer', tcp, new errors.BodyTimeoutError(), 504, 'timeout', /^tcp:demo:80 stopped sending$/],
    ['a closed connection', tcp, new errors.SocketError('geheim'), 502, 'closed', /^tcp:demo:80 closed the connection without a usable answer \(UND_ERR_SOCKET\)$/],
    ['a reset', tcp, coded('ECONNRESET'), 502, 'closed', /\(ECONNRESET\)$/],
    ['a tunnel whose session ended', tunnel, new SessionClosedError(undefined), 502, 'closed', /^the tunnel to the server behind tunnel 23000 was lost while it carried this request: frpc closed its connection$/],
    ['a stream that frpc reset', tunnel, new StreamResetError(3), 502, 'closed', /\(ECONNABORTED\); is it running there/],
    ['a stream that was given up for others', tunnel, new StreamMemoryError(3), 408, 'client-timeout', /^the client reads its answer so slowly/],
    ['too many who wait', tunnel, new TunnelBusyError('requests_waiting_per_tunnel', 'too many wait'), 503, 'overloaded', /^too many wait$/],
    ['too long a head', tcp, new errors.HeadersOverflowError('geheim'), 502, 'closed', /^tcp:demo:80 answered with a head of more than 65536 bytes$/],
    ['bad HTTP', tcp, Object.assign(new errors.HTTPParserError('geheim'), { code: 'HPE_INVALID_CONSTANT' }), 502, 'closed', /\(HPE_INVALID_CONSTANT\)$/],
    ['what is no HTTP at all', tcp, new errors.HTTPParserError('geheim'), 502, 'closed', /\(no HTTP\)$/],
    ['a flaw of ours', tcp, new TypeError('geheim'), 503, 'unexpected', /^unexpected error in the data plane, see its log$/],
    ['something that is no error', tcp, 'geheim', 503, 'unexpected', /^unexpected error in the data plane, see its log$/],
  ])('answers %s', (_what, upstream, error, status, outcome, message) => {
    const answer = upstreamError(error, { upstream, signed: false })
    expect(answer).toMatchObject({ status, outcome, countsAgainstClient: false })
    expect(answer.message).toMatch(message)
    expect(answer.message).not.toContain('geheim')
  })

  it.each(['ENOTFOUND', 'EAI_AGAIN'])('answers a name that does not resolve (%s) with 404, and AppAPI with 502', (code) => {
    const statuses = [false, true].map((signed) => upstreamError(coded(code), { upstream: tcp, signed }).status)
    expect(statuses).toEqual([404, 502])
  })

  it('leaves an error that is an answer already', () => {
    const error = new ClientGoneError('the client went away')
    expect(upstreamError(error, { upstream: tcp, signed: false })).toBe(error)
  })
})
