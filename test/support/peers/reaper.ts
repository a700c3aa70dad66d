import { spawn } from 'node:child_process'
import type { Writable } from 'node:stream'

/**
 * Keeps the list of our live children and kills them when its standard input ends, which the kernel sees to
 * however this process goes: a test runner that is killed leaves no peer behind.
 */
const REAPER = `
alive=' '
while read -r sign pid; do
  case $sign in
    +) alive="$alive$pid " ;;
    -) alive="\${alive%% $pid *} \${alive#* $pid }" ;;
  esac
done
for pid in $alive; do kill -KILL "$pid" 2>/dev/null; done
`

/** Children of one process that shall not outlive it. */
export class Reaper {
  #input: Writable | undefined

  /** Has the process killed when ours ends in any way, unless `release` is called first. */
  watch(pid: number): void {
    this.#write(`+ ${pid}\n`)
  }

  /** Says that the process has ended, so that its number, given to another, is never killed. */
  release(pid: number): void {
    this.#write(`- ${pid}\n`)
  }

  #write(line: string): void {
    this.#input ??= startReaper()
    this.#input.write(line)
  }
}

function startReaper(): Writable {
  // Detached: an interrupt typed in the terminal goes to the whole process group and must not end the reaper first.
  const child = spawn('/bin/sh', ['-c', REAPER], { stdio: ['pipe', 'ignore', 'ignore'], detached: true })
  child.on('error', () => {}) // no shell: peers are still stopped by their tests
  child.stdin.on('error', () => {}) // the reaper was killed: the same
  child.unref()
  if ('unref' in child.stdin && typeof child.stdin.unref === 'function') child.stdin.unref()
  return child.stdin
}
