import type { ProxyConfig } from '../config.ts'
import type { Logger } from '../log.ts'

/** HaRP's limit: a list that is wrong throughout says so in five lines of a kind (contract §1.3). */
const maxItemsTold = 5

/** Says at the start what the settings came to, and which of them do nothing or were repaired. Never a secret. */
export function tellSettings(config: ProxyConfig, steps: Logger): void {
  for (const notice of config.notices) steps.warn(notice)
  const { accepted, repaired, rejected, isSet } = config.trustedProxies
  for (const item of repaired.slice(0, maxItemsTold)) steps.warn(`HP_TRUSTED_PROXY_IPS: read ${item}`)
  for (const item of rejected.slice(0, maxItemsTold)) {
    steps.error(`HP_TRUSTED_PROXY_IPS: ${item} is no address or network and is skipped; accepted: 10.0.0.0/8, 192.168.1.7, fd00::/8`)
  }
  const untold = Math.max(0, repaired.length - maxItemsTold) + Math.max(0, rejected.length - maxItemsTold)
  if (untold > 0) steps.warn(`HP_TRUSTED_PROXY_IPS: ${untold} more items like these`)
  if (isSet && accepted.length === 0) steps.error('HP_TRUSTED_PROXY_IPS names no network: X-Forwarded-For is not believed from anybody')
  steps.info({ nextcloud: config.nextcloudUrl.href, trustedProxies: accepted, frpTls: config.frpTls, front: config.front }, 'Harpoon starts')
}
