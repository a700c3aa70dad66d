import { hash, timingSafeEqual } from 'node:crypto'

/** Compares a header with the shared key in constant time, whatever their lengths (Q29). */
export type KeyCheck = (presented: string | undefined) => boolean

export function createKeyCheck(sharedKey: string): KeyCheck {
  // A header value loses its outer blanks on the way; a key that begins or ends with one has to match all the same.
  const expected = hash('sha256', sharedKey.trim(), 'buffer')
  return (presented) => presented !== undefined && timingSafeEqual(hash('sha256', presented, 'buffer'), expected)
}
