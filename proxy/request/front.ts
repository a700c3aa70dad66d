import type { BlockList } from 'node:net'
import { isTrusted } from './client-address.ts'
import type { Exchange } from './exchange.ts'
import type { Forward } from './forward.ts'
import { headersForNextcloud } from './headers.ts'
import type { Upstream } from './upstream.ts'

export interface FrontDeps {
  /** Nextcloud's base URL; its path is not used, the visitor's goes through as it is. */
  readonly nextcloudUrl: URL
  readonly trustedProxies: () => BlockList
  readonly forward: Forward
}

/** Passes everything that is not below `/exapps/` to Nextcloud, so that one address serves both (design: the front). */
export function createFront({ nextcloudUrl, trustedProxies, forward }: FrontDeps): (exchange: Exchange) => Promise<void> {
  const secure = nextcloudUrl.protocol === 'https:'
  const port = Number(nextcloudUrl.port) || (secure ? 443 : 80)
  const upstream: Upstream = { kind: secure ? 'tls' : 'tcp', host: nextcloudUrl.hostname.replace(/^\[|\]$/g, ''), port }
  return (exchange) => {
    exchange.app = 'nextcloud'
    const { last, forwardedFor } = exchange.head
    // What a proxy of ours says about the visitor is passed on; what the visitor says about itself is not.
    const behindProxy = isTrusted(exchange.peer, trustedProxies())
    const protocol = exchange.carrier.isEncrypted ? 'https' : 'http'
    const from = {
      peer: exchange.peer,
      protocol: (behindProxy ? last.get('x-forwarded-proto') : undefined) ?? protocol,
      host: (behindProxy ? last.get('x-forwarded-host') : undefined) ?? last.get('host'),
      forwardedFor: behindProxy ? forwardedFor : undefined,
    }
    const headers = headersForNextcloud(exchange.carrier.rawHeaders, from)
    return forward({ upstream, path: exchange.url, headers, signed: false, onStatus: () => {} }, exchange)
  }
}
