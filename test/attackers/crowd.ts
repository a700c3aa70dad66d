import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type ChildProcess, startProcess } from '../support/peers/child-process.ts'

export interface CrowdOptions {
  readonly port: number
  readonly size: number
  /** How many loopback addresses they come from, in turn. */
  readonly addresses: number
  /** What each says once it is connected. */
  readonly firstWords?: Buffer
}

/** Very many connections, in processes of their own: one process may not have so many files open. */
export interface Crowd {
  /** Connections that were opened since the start, and those that are left. @throws Error when a part of it has failed */
  count(): { readonly opened: number; readonly held: number }
  /** Resolves when all have been opened, however soon they were closed. @throws Error when that takes too long */
  arrived(): Promise<void>
  /** Ends them all. */
  destroy(): void
}

/** Connections of one process: below the limit of open files that machines commonly have. */
const perProcess = 5_000

/** A machine that does other things too opens some thousand connections a second. */
const patienceMs = 120_000

export async function gatherCrowd({ port, size, addresses, firstWords = Buffer.alloc(0) }: CrowdOptions): Promise<Crowd> {
  const program = fileURLToPath(new URL('crowd-program.ts', import.meta.url))
  const parts: ChildProcess[] = []
  for (let from = 0; from < size; from += perProcess) {
    const args = [port, 0, addresses, Math.min(perProcess, size - from)].map(String)
    parts.push(await startProcess({ program: process.execPath, args: [program, ...args, firstWords.toString('hex')] }))
  }
  let ended: string | undefined
  for (const part of parts) void part.exited.then(() => (ended ??= part.output().slice(-500)))
  const count: Crowd['count'] = () => {
    if (ended !== undefined) throw new Error(`a part of the crowd has ended: ${ended}`)
    const reports = parts.map((part): { opened: number; held: number } => {
      const lines = part.standardOutput().split('\n')
      return JSON.parse(lines.at(-2) || '{"opened":0,"held":0}')
    })
    return { opened: sum(reports.map(({ opened }) => opened)), held: sum(reports.map(({ held }) => held)) }
  }
  const until = async (isReached: () => boolean): Promise<void> => {
    for (const giveUpAt = performance.now() + patienceMs; !isReached(); await delay(50)) {
      if (performance.now() > giveUpAt) throw new Error(`the crowd is still ${JSON.stringify(count())}`)
    }
  }
  return {
    count,
    arrived: () => until(() => count().opened >= size),
    destroy: () => {
      for (const part of parts) part.kill('SIGKILL')
    },
  }
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0)
