import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { RegisteredExApp } from '../support/nextcloud/exapp-table.ts'

export interface BystandersPlace {
  readonly sharedKey: string
  readonly exApp: RegisteredExApp
  /** Where the ExApp listens. */
  readonly unixSocket: string
}

export interface VisitorTask {
  readonly port: number
  readonly path: string
  /** The loopback address that it comes from, which no attacker has. */
  readonly from: string
  readonly giveUpMs: number
  readonly pauseMs: number
}

/** What the visitor met since the report before. */
export interface VisitorReport {
  readonly answers: number
  readonly failures: readonly string[]
  readonly slowestMs: number
}

/** Those who have nothing to do with an attack: a Nextcloud, an ExApp, and a visitor who uses it all the time. */
export interface Bystanders {
  readonly nextcloudUrl: string
  sendVisitor(task: VisitorTask): void
  report(): Promise<VisitorReport>
  leave(): Promise<void>
}

export async function gatherBystanders(place: BystandersPlace): Promise<Bystanders> {
  const worker = new Worker(new URL('bystanders-thread.ts', import.meta.url), { workerData: place, execArgv: [] })
  const [nextcloudUrl] = (await once(worker, 'message')) as [string]
  return {
    nextcloudUrl,
    sendVisitor: (task) => worker.postMessage(task, []),
    report: async () => {
      const answered = once(worker, 'message')
      worker.postMessage('report', [])
      const [report] = (await answered) as [VisitorReport]
      return report
    },
    leave: async () => void (await worker.terminate()),
  }
}
