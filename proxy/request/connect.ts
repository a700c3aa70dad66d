import { connect as connectTcp, isIP, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect as connectTls, getCACertificates } from 'node:tls'
import type { Dial } from '../tunnel/dial.ts'
import type { Upstream } from './upstream.ts'

/** A socket, or a tunnel's stream that stands for one. */
export type Connection = Duplex & {
  /** Sends what was written, ends, and drops what still comes. */
  destroySoon(): void
}

/** Opens a connection to an upstream within `timeoutMs`; aborting the signal gives up. */
export type Connect = (upstream: Upstream, signal?: AbortSignal) => Promise<Connection>

export interface ConnectDeps {
  readonly dial: Dial
  /** Read at each use. */
  readonly timeoutMs: () => number
}

/** The connection was not there in time; `code` names it like Node's own errors. */
class ConnectTimeoutError extends Error {
  readonly code = 'ETIMEDOUT'
}

export function createConnect({ dial, timeoutMs: limit }: ConnectDeps): Connect {
  return async (upstream, signal) => {
    const timeoutMs = limit()
    switch (upstream.kind) {
      case 'tunnel':
        return dial(upstream.remotePort, { timeoutMs, signal })
      case 'unix':
        return opened(connectTcp({ path: upstream.path }), 'connect', timeoutMs, signal)
      case 'tls': {
        const ca = [...getCACertificates('default'), ...getCACertificates('system')]
        const socket = connectTls({ host: upstream.host, port: upstream.port, ...(isIP(upstream.host) === 0 ? { servername: upstream.host } : {}), ca, ALPNProtocols: ['http/1.1'] })
        return opened(socket, 'secureConnect', timeoutMs, signal)
      }
      case 'tcp':
        return opened(connectTcp({ host: upstream.host, port: upstream.port, noDelay: true }), 'connect', timeoutMs, signal)
    }
  }
}

function opened(socket: Socket, event: 'connect' | 'secureConnect', timeoutMs: number, signal?: AbortSignal): Promise<Connection> {
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
      socket.off('error', onError)
    }
    const onError = (error: Error): void => {
      settle()
      reject(error)
    }
    const fail = (error: Error): void => {
      onError(error)
      socket.on('error', () => {}) // destroying a connecting socket may report once more
      socket.destroy()
    }
    const onAbort = (): void => fail(signal?.reason instanceof Error ? signal.reason : new Error('aborted'))
    const timer = setTimeout(() => fail(new ConnectTimeoutError(`no connection within ${timeoutMs} ms`)), timeoutMs)
    signal?.addEventListener('abort', onAbort)
    socket.once('error', onError)
    socket.once(event, () => {
      settle()
      resolve(socket)
    })
    if (signal?.aborted) onAbort()
  })
}
