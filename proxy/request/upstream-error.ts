import { errors } from 'undici'
import { TunnelBusyError, TunnelNotConnectedError, TunnelUnresponsiveError } from '../tunnel/errors.ts'
import { StreamMemoryError } from '../tunnel/mux/errors.ts'
import { maxResponseHeadBytes } from './connection-pools.ts'
import { ClientTooSlowError, OverloadedError, RequestError, UnexpectedError, UpstreamClosedError, UpstreamTimeoutError, UpstreamUnreachableError, UpstreamUnresolvableError } from './errors.ts'
import { isTunnelAddress, type Upstream, upstreamName } from './upstream.ts'

/** Translates what went wrong on the way to an upstream into the error that the caller is answered with. */
export function upstreamError(error: unknown, { upstream, signed }: { readonly upstream: Upstream; readonly signed: boolean }): RequestError {
  if (error instanceof RequestError) return error
  const hop = hopName(upstream)
  if (error instanceof TunnelNotConnectedError) {
    return new UpstreamUnreachableError(`${error.message}; is frpc running at the other end, and what does its log say?`, { cause: error })
  }
  if (error instanceof TunnelBusyError) return new OverloadedError(error.limit, error.message, { cause: error })
  if (error instanceof StreamMemoryError) return new ClientTooSlowError('the client reads its answer so slowly that the memory was needed for others', { cause: error })
  if (error instanceof TunnelUnresponsiveError) return new UpstreamTimeoutError(`${error.message}; frpc is connected but opens no connection`, { cause: error })
  if (error instanceof errors.HeadersTimeoutError) return new UpstreamTimeoutError(`${hop} did not answer in time; is it busy, or does nobody listen behind the tunnel?`, { cause: error })
  if (error instanceof errors.BodyTimeoutError) return new UpstreamTimeoutError(`${hop} stopped sending`, { cause: error })
  if (error instanceof errors.HeadersOverflowError) {
    return new UpstreamClosedError(`${hop} answered with a head of more than ${maxResponseHeadBytes} bytes`, { cause: error, limit: 'response_head_bytes' })
  }
  const code = error instanceof Error ? ((error as NodeJS.ErrnoException).code ?? '') : ''
  if ((code === 'ENOTFOUND' || code === 'EAI_AGAIN') && 'host' in upstream) return new UpstreamUnresolvableError(upstream.host, signed)
  if (unreachable.has(code)) return new UpstreamUnreachableError(`${hop} cannot be reached (${code}); ${remedy(upstream)}`, { cause: error })
  // Bytes that are no HTTP: Node's parser has a code for them; undici's has not always, or trips one of its own assertions.
  if (code.startsWith('UND_ERR_') || code.startsWith('HPE_') || error instanceof errors.HTTPParserError || closed.has(code)) {
    return new UpstreamClosedError(`${hop} closed the connection without a usable answer (${code || 'no HTTP'})`, { cause: error })
  }
  return new UnexpectedError(error)
}

const unreachable: ReadonlySet<string> = new Set(['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'ETIMEDOUT', 'EACCES', 'ENOENT', 'EADDRNOTAVAIL', 'ENETDOWN', 'EPERM'])
const closed: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE', 'ERR_STREAM_PREMATURE_CLOSE', 'ERR_STREAM_DESTROYED', 'ECONNABORTED', 'ERR_ASSERTION'])

function hopName(upstream: Upstream): string {
  switch (upstream.kind) {
    case 'tunnel':
      return `the server behind tunnel ${upstream.remotePort}`
    case 'tcp':
    case 'tls':
    case 'unix':
      return upstreamName(upstream)
  }
}

function remedy(upstream: Upstream): string {
  switch (upstream.kind) {
    case 'unix':
      return 'is the Docker Engine running, its socket mounted here, and this process allowed to open it?'
    case 'tunnel':
      return 'is frpc running at the other end?'
    case 'tcp':
    case 'tls':
      return isTunnelAddress(upstream.host, upstream.port)
        ? `no tunnel is connected on remote port ${upstream.port} either: is frpc running in the ExApp's container, and what does its log say?`
        : 'is it running, and does it listen on that address and port?'
  }
}
