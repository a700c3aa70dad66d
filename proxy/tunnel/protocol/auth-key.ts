import { createHash, timingSafeEqual } from 'node:crypto'

/** frp's `privilege_key`: lower-case hex of md5(token, decimal timestamp); `timestamp` is in seconds. */
export function privilegeKey(frpToken: string, timestamp: number): string {
  return createHash('md5').update(frpToken).update(String(timestamp)).digest('hex')
}

/** Whether `key` was made with `frpToken`; constant time. Freshness is not judged: containers' clocks are often off. */
export function isPrivilegeKey(key: string, frpToken: string, timestamp: number): boolean {
  const expected = Buffer.from(privilegeKey(frpToken, timestamp))
  const given = Buffer.from(key)
  return given.length === expected.length && timingSafeEqual(given, expected)
}
