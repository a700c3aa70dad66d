import { spawn } from 'node:child_process'
import { stripVTControlCharacters } from 'node:util'
import { Reaper } from './reaper.ts'

/** Most output kept of one process; what is older is dropped, so that a peer in a log loop cannot fill the memory. */
const OUTPUT_LIMIT = 1024 * 1024

/** How long a peer may take to end by itself after SIGTERM. */
const STOP_TIMEOUT_MS = 5_000

/** How a process ended: one of the two is null. */
export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** A real peer that runs as a process of its own. */
export interface ChildProcess {
  readonly pid: number
  /** What it printed so far on both outputs, without colours; at most the last mebibyte. */
  readonly output: () => string
  /** The same without what went to standard error: the answer of a command. */
  readonly standardOutput: () => string
  /** Settles with the first match in what was and will be printed; rejects after `timeoutMs` (10 s) or on exit. */
  readonly waitForOutput: (pattern: RegExp, timeoutMs?: number) => Promise<string>
  readonly exited: Promise<Exit>
  readonly kill: (signal: NodeJS.Signals) => void
  /** Ends it, by SIGKILL when SIGTERM does not do within five seconds. */
  readonly stop: () => Promise<void>
  readonly [Symbol.asyncDispose]: () => Promise<void>
}

/** What to run; the environment is given whole, as a proxy variable of the machine would change where frpc connects. */
export interface Command {
  readonly program: string
  readonly args: readonly string[]
  readonly env?: Readonly<NodeJS.ProcessEnv>
  readonly cwd?: string
  /** Runs once the process has ended and before `exited` settles. */
  readonly cleanUp?: () => Promise<void>
}

const reaper = new Reaper()

/** Starts a process that ends with this one at the latest. @throws Error when it cannot be started */
export async function startProcess({ program, args, env, cwd, cleanUp }: Command): Promise<ChildProcess> {
  const child = spawn(program, args, {
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  let standardOutput = ''
  const listeners = new Set<() => void>()
  const wake = () => {
    for (const listener of listeners) listener()
  }
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      const plain = stripVTControlCharacters(text)
      output = (output + plain).slice(-OUTPUT_LIMIT)
      if (stream === child.stdout) standardOutput = (standardOutput + plain).slice(-OUTPUT_LIMIT)
      wake()
    })
  }
  let ended = false
  const { promise: closed, resolve } = Promise.withResolvers<Exit>()
  child.once('exit', () => child.pid !== undefined && reaper.release(child.pid))
  child.once('close', (code, signal) => {
    ended = true
    resolve({ code, signal })
    wake()
  })
  const exited = cleanUp ? closed.then(async (exit) => (await cleanUp(), exit)) : closed
  await new Promise<void>((spawned, failed) => child.once('spawn', spawned).once('error', failed))
  const { pid } = child
  if (pid === undefined) throw new Error(`${program} has no process id`)
  reaper.watch(pid)

  const waitForOutput = (pattern: RegExp, timeoutMs = 10_000) =>
    new Promise<string>((found, failed) => {
      const settle = (reason?: string) => {
        const match = new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, '')).exec(output)
        const failure = reason ?? (ended ? 'ended without printing' : undefined)
        if (!match && failure === undefined) return
        listeners.delete(settle)
        clearTimeout(timer)
        if (match) found(match[0])
        else failed(new Error(`${program} ${failure} ${pattern}; it printed:\n${output}`))
      }
      const timer = setTimeout(() => settle(`did not print within ${timeoutMs} ms`), timeoutMs)
      listeners.add(settle)
      settle()
    })

  const stop = async () => {
    child.kill('SIGTERM')
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS)
    await exited
    clearTimeout(timer)
  }

  return {
    pid,
    output: () => output,
    standardOutput: () => standardOutput,
    waitForOutput,
    exited,
    kill: (signal) => void child.kill(signal),
    stop,
    [Symbol.asyncDispose]: stop,
  }
}
