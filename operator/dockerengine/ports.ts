import { enginePorts } from '../../crds/dockerengine.ts'

/** Which engine has which port; the one place where that is decided. */
export type PortLedger = ReadonlyMap<number, LedgerEntry>

export interface LedgerEntry {
  readonly name: string
  /** Tells an engine from a later one of the same name. */
  readonly uid: string
}

export interface PortWish {
  /** The port that is asked for, if any. */
  readonly port: number | undefined
  /** Ports that others ask for by number. */
  readonly reserved: ReadonlySet<number>
}

export type Assignment =
  | { readonly port: number; readonly isNew: boolean }
  /** Another engine has the port that was asked for. */
  | { readonly takenBy: string; readonly port: number }
  /** All 99 are in use. */
  | { readonly exhausted: true }

/**
 * The port of an engine: the one it has, the one it asks for, or the lowest that is free. A port is never taken from an engine,
 * and `reserved` ones, which engines that are not in the ledger yet ask for by name, are not given to others.
 */
export function assignPort(ledger: PortLedger, engine: LedgerEntry, wish: PortWish): Assignment {
  for (const [port, { uid }] of ledger) if (uid === engine.uid) return { port, isNew: false }
  if (wish.port !== undefined) {
    const owner = ledger.get(wish.port)
    return owner ? { takenBy: owner.name, port: wish.port } : { port: wish.port, isNew: true }
  }
  for (let port: number = enginePorts.first; port <= enginePorts.last; port++) {
    if (!ledger.has(port) && !wish.reserved.has(port)) return { port, isNew: true }
  }
  return { exhausted: true }
}

/** A ledger as its ConfigMap holds it; entries that cannot be read are left out, which frees nothing that runs (see `heal`). */
export const readLedger = (entries: Readonly<Record<string, string>>): PortLedger =>
  new Map(
    Object.entries(entries).flatMap(([port, text]) => {
      const [name = '', uid = ''] = text.split(' ')
      return /^24\d{3}$/.test(port) && name && uid ? [[Number(port), { name, uid }] as const] : []
    }),
  )

/** The ConfigMap's entries of a ledger. */
export const writeLedger = (ledger: PortLedger): Record<string, string> =>
  Object.fromEntries([...ledger].sort(([one], [other]) => one - other).map(([port, { name, uid }]) => [String(port), `${name} ${uid}`]))
