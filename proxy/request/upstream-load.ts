import type { ProxyLimits } from '../limits.ts'
import { Quota } from '../quota.ts'
import { OverloadedError } from './errors.ts'
import type { Forward } from './forward.ts'
import { upstreamName } from './upstream.ts'

/** Forwards no more at once than each ExApp and engine may have, so that one that is slow takes its own part and nobody else's. */
export function boundForward(forward: Forward, limits: Pick<ProxyLimits, 'requestsPerUpstream' | 'upgradesPerTunnel'>): Forward {
  const requests = new Quota(() => ({ total: Infinity, perKey: limits.requestsPerUpstream }))
  const upgrades = new Quota(() => ({ total: Infinity, perKey: limits.upgradesPerTunnel }))
  return async (plan, exchange) => {
    // Without a tunnel there are no streams to run out of; the visitors' connections are counted apart.
    if (exchange.upgrade && plan.upstream.kind !== 'tunnel') return forward(plan, exchange)
    const quota = exchange.upgrade ? upgrades : requests
    const name = upstreamName(plan.upstream)
    if (quota.take(name) !== 'taken') {
      throw exchange.upgrade
        ? new OverloadedError('upgrades_per_tunnel', `${limits.upgradesPerTunnel} WebSockets are open through ${name} already`)
        : new OverloadedError('requests_per_upstream', `${limits.requestsPerUpstream} requests to ${name} wait for its answers already; is it busy?`)
    }
    try {
      await forward(plan, exchange)
    } finally {
      quota.release(name)
    }
  }
}
