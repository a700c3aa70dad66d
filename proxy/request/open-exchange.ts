import type { BlockList } from 'node:net'
import type { Carrier } from './carrier.ts'
import { clientAddress, peerAddress } from './client-address.ts'
import type { Exchange } from './exchange.ts'
import { readHead } from './head.ts'
import type { KeyCheck } from './shared-key.ts'
import { originForm } from './target.ts'

export interface OpenExchangeOptions {
  readonly trustedProxies: () => BlockList
  readonly isSharedKey: KeyCheck
}

/** Reads once what every step needs to know of a request. */
export function openExchange(carrier: Carrier, extra: Pick<Exchange, 'upgrade' | 'expectsContinue'>, options: OpenExchangeOptions): Exchange {
  const head = readHead(carrier.rawHeaders)
  const peer = peerAddress(carrier.remoteAddress)
  const forwarding = { forwardedFor: head.forwardedFor, realIp: head.last.get('x-real-ip') }
  return {
    carrier,
    head,
    // A target that is no path for us (`*`, a foreign authority) is left as it is and found malformed.
    url: originForm(carrier.target, head.last.get('host')) ?? '*',
    peer,
    client: clientAddress(peer, forwarding, options.trustedProxies()),
    hasKey: options.isSharedKey(head.last.get('harp-shared-key')),
    upgrade: extra.upgrade,
    expectsContinue: extra.expectsContinue,
    startedAt: performance.now(),
    app: '',
  }
}
