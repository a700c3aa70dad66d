import { readFileSync, writeFileSync } from 'node:fs'

/** What some processes have used up and hold, together. */
export interface Usage {
  /** User and system time since their start, in seconds; the kernel gives hundredths. */
  readonly cpuSeconds: number
  /** Resident memory, in KiB. */
  readonly rssKib: number
  /** The most resident memory since `resetPeak`, in KiB. */
  readonly peakKib: number
}

/** USER_HZ: the unit of times in /proc, 100 on every Linux that Node runs on. */
const ticksPerSecond = 100

/** Reads /proc for these processes. @throws Error when one has ended */
export function usageOf(pids: readonly number[]): Usage {
  return {
    cpuSeconds: sum(pids.map(cpuSeconds)),
    rssKib: sum(pids.map((pid) => statusKib(pid, 'VmRSS'))),
    peakKib: sum(pids.map((pid) => statusKib(pid, 'VmHWM'))),
  }
}

/** Lets the peak of resident memory begin anew: at what is resident now. */
export function resetPeak(pids: readonly number[]): void {
  for (const pid of pids) writeFileSync(`/proc/${pid}/clear_refs`, '5')
}

function cpuSeconds(pid: number): number {
  // The command's name stands in parentheses and may hold anything: fields are counted from behind it.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /s, '').split(' ')
  const [user, system] = [fields[11], fields[12]]
  return (Number(user) + Number(system)) / ticksPerSecond
}

function statusKib(pid: number, field: string): number {
  const value = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  if (value === undefined) throw new Error(`process ${pid} has no ${field}: it has ended`)
  return Number(value)
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)
