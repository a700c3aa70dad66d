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

/**
 * An ExApp on loopback is "the tunnel with that remote port" to Nextcloud; with manual installs it may also be a process on
 * this host (AppAPI contract §8.1). A tunnel that is there, or on its way back, goes first.
 */
export function upstreamFor({ exApp }: Permit, expectsTunnel: (remotePort: number) => boolean): Upstream {
  const host = exApp.resolvedHost === '' ? exApp.host : exApp.resolvedHost
  if (isTunnelAddress(host, exApp.port) && expectsTunnel(exApp.port)) return { kind: 'tunnel', remotePort: exApp.port }
  return { kind: 'tcp', host, port: exApp.port }
}

/** Whether this may stand for an ExApp's tunnel: loopback, and a port of HaRP's range (contract §2.1). */
export function isTunnelAddress(host: string, port: number): boolean {
  const isLoopback = host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))
  return isLoopback && port >= 23_000 && port <= 23_999
}
