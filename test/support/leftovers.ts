import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, afterEach, type RunnerTestSuite } from 'vitest'

/** Closing takes a turn or two of the event loop on both sides of each connection, more of them on a busy machine. */
const graceMs = 5_000

/** What keeps this process alive, by kind: sockets, servers, pipes, child processes, timers. */
type Resources = ReadonlyMap<string, number>

/** Open on either side of a connection, or on the way to be. */
const connectionKinds: ReadonlySet<string> = new Set(['TCPSocketWrap', 'ConnectWrap'])

/** Requests of the file system and the like come and go by themselves. */
const countedKinds: ReadonlySet<string> = new Set([...connectionKinds, 'TCPServerWrap', 'PipeWrap', 'PipeServerWrap', 'ProcessWrap', 'Timeout', 'FSEventWrap', 'StatWatcher'])

/** Something that runs while tests come and go, and what of it has to be zero after each of them. */
export interface Counted {
  readonly counts: () => Promise<Readonly<Record<string, number>>>
}

const running = new Set<Counted>()

/** Has something looked at after each test of this file, until the returned function is called. */
export function countAfterEachTest(counted: Counted): () => void {
  running.add(counted)
  return () => void running.delete(counted)
}

/**
 * Remembers the connections of this process; the returned function waits until there are no more than that, and throws when some
 * stay. Where others run beside it their connections cannot be told apart: then the count after the whole file is what tells.
 */
export function countConnections(): () => Promise<void> {
  const before = resources(connectionKinds)
  const hadCompany = running.size > 0
  return async () => {
    if (!hadCompany && running.size === 0) await noneLeft(async () => leftOf(before, resources(connectionKinds)))
  }
}

/** Prometheus' text as numbers, by name and labels as they are written. */
export function readMetrics(text: string): ReadonlyMap<string, number> {
  return new Map([...text.matchAll(/^(\w+(?:\{[^}]*\})?) (\S+)$/gm)].map(([, name = '', value]) => [name, Number(value)]))
}

function resources(kinds: ReadonlySet<string>): Resources {
  const found = new Map<string, number>()
  for (const kind of process.getActiveResourcesInfo()) if (kinds.has(kind)) found.set(kind, (found.get(kind) ?? 0) + 1)
  return found
}

const leftOf = (before: Resources, now: Resources): Record<string, number> =>
  Object.fromEntries([...now].map(([kind, count]) => [kind, count - (before.get(kind) ?? 0)]))

/** Waits until all counts are zero, or below; throws when some stay. */
export async function noneLeft(read: () => Promise<Readonly<Record<string, number>>>): Promise<void> {
  const giveUpAt = performance.now() + graceMs
  for (;;) {
    const left = Object.entries(await read()).filter(([, count]) => !(count <= 0))
    if (left.length === 0) return
    if (performance.now() > giveUpAt) throw new Error(`left behind: ${left.map(([name, count]) => `${count} ${name}`).join(', ')}`)
    await delay(10)
  }
}

/** Whether a test or a suite around it runs beside others. */
function isConcurrent({ concurrent, suite }: { readonly concurrent?: boolean | undefined; readonly suite?: RunnerTestSuite | undefined }): boolean {
  return concurrent === true || (suite !== undefined && isConcurrent(suite))
}

/**
 * Every test file that starts a data plane or a tunnel server imports this, and is counted: after each test that nothing
 * of it runs on, after the last one that the process is as it was before the first.
 */
if (process.env['VITEST'] !== undefined) {
  const before = resources(countedKinds)
  afterEach(async ({ task }) => {
    if (isConcurrent(task)) return // what runs on may be the next test's
    for (const counted of running) await noneLeft(counted.counts)
  })
  afterAll(async () => {
    const hook = new Map([...before, ['Timeout', (before.get('Timeout') ?? 0) + 1]]) // Vitest's limit for this very hook
    await noneLeft(async () => leftOf(hook, resources(countedKinds)))
    if (running.size > 0) throw new Error(`${running.size} data planes or tunnel servers were never closed`)
  })
}
