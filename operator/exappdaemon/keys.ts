import { type KubernetesObject, resources } from '../cluster/resources.ts'
import { secretData } from '../cluster/secret.ts'
import { child, type DaemonIdentity } from './child.ts'
import { keyEntries } from './config.ts'
import { childNames } from './names.ts'

/** Keys that are valid now. */
export interface Keys {
  readonly current: string
  readonly previous: string | undefined
}

/** Line breaks at the end of a file are what editors and `echo` leave there; a key has none. */
const trimmed = (text: string | undefined): string | undefined => text?.replace(/[\r\n]+$/, '') || undefined

/**
 * The keys that hold from now on. When the given key is another than the one in use, that one stays valid as the one before:
 * ExApps and engines have it still. A previous key that the admin gives wins.
 */
export function nextKeys(
  given: { readonly current: string | undefined; readonly previous?: string | undefined },
  inUse: Readonly<Record<string, string>>,
): Keys | undefined {
  const current = trimmed(given.current)
  if (current === undefined) return undefined
  const before = trimmed(inUse[keyEntries.current])
  const kept = before === undefined || before === current ? trimmed(inUse[keyEntries.previous]) : before
  const previous = trimmed(given.previous) ?? kept
  return { current, previous: previous === current ? undefined : previous }
}

/** The Secret that the pods read the keys from. */
export const keysSecret = (daemon: DaemonIdentity, { current, previous }: Keys): KubernetesObject => ({
  ...child(resources.secret, daemon, { name: childNames(daemon.name).keys }),
  type: 'Opaque',
  data: secretData({ [keyEntries.current]: current, ...(previous !== undefined && { [keyEntries.previous]: previous }) }),
})

/** The Secret of a key that we made; what an admin writes into it later is the key from then on. */
export const sharedKeySecret = (daemon: DaemonIdentity, key: string): KubernetesObject => ({
  ...child(resources.secret, daemon, { name: childNames(daemon.name).sharedKey }),
  type: 'Opaque',
  data: secretData({ [keyEntries.current]: key }),
})
