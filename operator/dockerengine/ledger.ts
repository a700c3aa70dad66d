import { setTimeout as delay } from 'node:timers/promises'
import { z } from 'zod'
import type { Cluster } from '../cluster/cluster.ts'
import { isConflict } from '../cluster/errors.ts'
import { MANAGED_BY, ownedBy } from '../cluster/ownership.ts'
import { type KubernetesObject, resources } from '../cluster/resources.ts'
import { childNames } from '../exappdaemon/names.ts'
import { type Assignment, assignPort, type LedgerEntry, type PortLedger, type PortWish, readLedger, writeLedger } from './ports.ts'

const configMapSchema = z.looseObject({ data: z.record(z.string(), z.string()).default({}) })

/** Many engines that are made at once all write one ledger: whoever was too late looks again and tries the next port. */
const MAX_CLAIM_TRIES = 20
const CLAIM_PAUSE_MS = 100

/** The ledger in a ConfigMap. */
export const ledgerOf = (configMap: KubernetesObject | undefined): PortLedger =>
  configMap ? readLedger(configMapSchema.parse(configMap).data) : new Map()

/**
 * Gives an engine its port in the daemon's ledger. The ledger is written only in the version that was read, so that two
 * operators, or two engines at once, cannot get one port: the second one's write is refused (a conflict) and tried again.
 */
export async function claimPort(daemon: KubernetesObject, engine: LedgerEntry, wish: PortWish, cluster: Cluster): Promise<Assignment> {
  for (let tries = 1; ; tries++) {
    try {
      return await claimOnce(daemon, engine, wish, cluster)
    } catch (error) {
      if (!isConflict(error) || tries >= MAX_CLAIM_TRIES) throw error
      await delay(Math.random() * CLAIM_PAUSE_MS)
    }
  }
}

async function claimOnce(daemon: KubernetesObject, engine: LedgerEntry, wish: PortWish, cluster: Cluster): Promise<Assignment> {
  const current = await readLedgerObject(daemon, cluster)
  const ledger = ledgerOf(current)
  const assignment = assignPort(ledger, engine, wish)
  if ('port' in assignment && 'isNew' in assignment && assignment.isNew) {
    await writeLedgerObject(daemon, current, new Map([...ledger, [assignment.port, engine]]), cluster)
  }
  return assignment
}

/** Frees the port of an engine that is gone. */
export async function releasePort(daemon: KubernetesObject, uid: string, cluster: Cluster): Promise<void> {
  const current = await readLedgerObject(daemon, cluster)
  const ledger = ledgerOf(current)
  const kept = [...ledger].filter(([, entry]) => entry.uid !== uid)
  if (kept.length < ledger.size) await writeLedgerObject(daemon, current, new Map(kept), cluster)
}

const readLedgerObject = ({ metadata: { name, namespace = '' } }: KubernetesObject, cluster: Cluster): Promise<KubernetesObject | undefined> =>
  cluster.read(resources.configMap, { namespace, name: childNames(name).enginePorts })

async function writeLedgerObject(daemon: KubernetesObject, current: KubernetesObject | undefined, ledger: PortLedger, cluster: Cluster): Promise<void> {
  const { name, namespace = '' } = daemon.metadata
  if (current) {
    await cluster.replace({ ...current, data: writeLedger(ledger) })
    return
  }
  const { apiVersion, kind } = resources.configMap
  const metadata = { name: childNames(name).enginePorts, namespace, labels: MANAGED_BY, ownerReferences: [ownedBy(daemon)] }
  await cluster.create({ apiVersion, kind, metadata, data: writeLedger(ledger) })
}
