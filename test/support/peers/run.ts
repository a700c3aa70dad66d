import { startProcess } from './child-process.ts'
import type { Command } from './child-process.ts'

/** A command of the set-up that ended with an error or took too long; the message holds the end of what it printed. */
export class CommandFailed extends Error {}

/**
 * Runs a command to its end and gives what it printed: on standard output, or on both.
 * @throws CommandFailed on an exit code other than 0, or when it takes longer than `timeoutMs`
 */
export async function run(
  command: Command,
  timeoutMs: number,
  what: 'standardOutput' | 'output' = 'standardOutput',
): Promise<string> {
  const child = await startProcess(command)
  let late = false
  const timer = setTimeout(() => {
    late = true
    child.kill('SIGKILL')
  }, timeoutMs)
  const { code, signal } = await child.exited
  clearTimeout(timer)
  if (code === 0) return child[what]()
  const end = late ? `was still running after ${timeoutMs / 1000} s` : `ended with ${signal ?? `exit code ${code}`}`
  throw new CommandFailed(`${[command.program, ...command.args].join(' ')} ${end}:\n${child.output().slice(-4000)}`)
}
