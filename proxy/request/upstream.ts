import { isIP } from 'node:net'
import type { Permit } from './authorize.ts'

/** Where a forwarded request goes. */
export type Upstream =
  | { readonly kind: 'tunnel'; readonly remotePort: number }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'tls'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string }

/** Names an upstream: key of its connections, and its word in messages for the admin. */
export function upstreamName(upstream: Upstream): string {
  switch (upstream.kind) {
    case 'tunnel':
      return `tunnel:${upstream.remotePort}`
    case 'tcp':
    case 'tls':
      return `${upstream.kind}:${upstream.host}:${upstream.port}`
    case 'unix':
      return `unix:${upstream.path}`
  }
}

/** HaRP's ports of ExApp tunnels (contract §2.1). */
const isExAppTunnelPort = (port: number): boolean => port >= 23_000 && port <= 23_999

/**
 * An ExApp on loopback is "the tunnel with that remote port" to Nextcloud; with manual installs it may also be a process on
 * this host (AppAPI contract §8.1). A tunnel that is there, or on its way back, goes first.
 */
export function upstreamFor({ exApp }: Permit, expectsTunnel: (remotePort: number) => boolean): Upstream {
  const host = exApp.resolvedHost === '' ? exApp.host : exApp.resolvedHost
  if (isLoopback(host) && isExAppTunnelPort(exApp.port) && expectsTunnel(exApp.port)) return { kind: 'tunnel', remotePort: exApp.port }
  return { kind: 'tcp', host, port: exApp.port }
}

const isLoopback = (host: string): boolean => host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))
