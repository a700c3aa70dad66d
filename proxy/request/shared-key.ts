import { hash, timingSafeEqual } from 'node:crypto'

/** Compares a header with the shared key in constant time, whatever their lengths (Q29). */
export type KeyCheck = (presented: string | undefined) => boolean

/** Takes the keys that are valid now, asked for at each request: current and, while it lasts, previous. */
export function createKeyCheck(keys: () => readonly string[]): KeyCheck {
  let prepared: { readonly keys: readonly string[]; readonly hashes: readonly Buffer[] } = { keys: [], hashes: [] }
  return (presented) => {
    if (presented === undefined) return false
    const valid = keys()
    // A header value loses its outer blanks on the way; a key that begins or ends with one has to match all the same.
    if (prepared.keys !== valid) prepared = { keys: valid, hashes: valid.map((key) => hash('sha256', key.trim(), 'buffer')) }
    const found = hash('sha256', presented, 'buffer')
    // Each key is compared, also after a match, so that the time does not tell which one it was.
    return prepared.hashes.map((expected) => timingSafeEqual(found, expected)).includes(true)
  }
}
