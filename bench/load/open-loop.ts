import { percentile } from '../statistics.ts'
import { HttpConnection } from './http-connection.ts'

/** Requests that come at their time, whether those before are answered or not. */
export interface OpenLoopLoad {
  readonly url: string
  /** The whole request, as text. */
  readonly head: string
  readonly perSecond: number
  readonly seconds: number
}

export interface OpenLoopRun {
  readonly requests: number
  readonly p50Ms: number
  readonly p99Ms: number
}

/** Sends at a fixed rate on kept connections, one more whenever all are busy. Latency counts from when a request was sent: timers of Node come up to a millisecond late, which is not the server's. */
export async function runOpenLoop({ url, head, perSecond, seconds }: OpenLoopLoad): Promise<OpenLoopRun> {
  const idle: HttpConnection[] = []
  const times: number[] = []
  const send = async (): Promise<void> => {
    const sentAt = performance.now()
    const connection = idle.pop() ?? (await HttpConnection.open(url))
    await connection.exchange(head)
    times.push(performance.now() - sentAt)
    idle.push(connection)
  }
  const running: Promise<void>[] = []
  const start = (): void => {
    const sent = send()
    sent.catch(() => {}) // all are awaited below
    running.push(sent)
  }
  const total = perSecond * seconds
  await new Promise<void>((resolve) => {
    const started = performance.now()
    const sendDue = (): void => {
      const due = Math.min(total, Math.ceil(((performance.now() - started) / 1000) * perSecond))
      while (running.length < due) start()
      if (running.length === total) return resolve()
      setTimeout(sendDue, Math.max(0, started + (running.length / perSecond) * 1000 - performance.now()))
    }
    sendDue()
  })
  try {
    await Promise.all(running)
  } finally {
    for (const connection of idle) connection.close()
  }
  return { requests: times.length, p50Ms: percentile(times, 50), p99Ms: percentile(times, 99) }
}
