import { execFileSync } from 'node:child_process'
import { availableParallelism, cpus, release, totalmem } from 'node:os'

/** The core of the server processes: nothing else runs there, so what they cost is theirs. */
const serverCore = '0'

/** Threads of this process, and all processes that it starts, leave core 0 to the servers. @throws Error on a machine with one core */
export function leaveServerCore(): void {
  const cores = cpus().length
  if (cores < 2) throw new Error('the bench needs two cores: one for the servers, one for everything else')
  execFileSync('taskset', ['--all-tasks', '--cpu-list', '--pid', `1-${cores - 1}`, String(process.pid)], { stdio: 'ignore' })
}

/** A command that runs on the servers' core from its first instruction on: Go sizes its scheduler by that, and V8 its threads. */
export function onServerCore(program: string, args: readonly string[]): { readonly program: string; readonly args: readonly string[] } {
  return { program: 'taskset', args: ['--cpu-list', serverCore, program, ...args] }
}

/** The machine in words, for the line under the table. */
export function describeMachine(): string {
  const [first] = cpus()
  const memory = Math.round(totalmem() / 1024 ** 3)
  const others = availableParallelism() === 1 ? 'core 1' : `${availableParallelism()} others`
  return `${first?.model ?? 'unknown processor'}, ${cpus().length} cores (servers on core ${serverCore}, everything else on ${others}), ${memory} GiB, Linux ${release()}, Node ${process.version}`
}
