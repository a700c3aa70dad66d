import { Agent, request } from 'node:http'
import { parentPort, workerData } from 'node:worker_threads'
import { startExApp } from '../support/exapp.ts'
import { startNextcloud } from '../support/nextcloud.ts'
import type { BystandersPlace, VisitorReport, VisitorTask } from './bystanders.ts'

/** What `bystanders.ts` starts: a thread of its own, so that no attacker's work in the test's process delays anybody here. */
const { sharedKey, exApp, unixSocket } = workerData as BystandersPlace

const nextcloud = await startNextcloud({ sharedKey })
nextcloud.addExApp(exApp)
await startExApp({ listen: { unixSocket } })
parentPort?.postMessage(nextcloud.url, [])

let report: VisitorReport = { answers: 0, failures: [], slowestMs: 0 }

/** Asks for one page after the other, for ever. */
async function visit(task: VisitorTask, agent: Agent): Promise<void> {
  const since = performance.now()
  const failure = await ask(task, agent)
  const { answers, failures, slowestMs } = report
  report = {
    answers: answers + 1,
    failures: failure === undefined ? failures : [...failures, failure],
    slowestMs: Math.max(slowestMs, performance.now() - since),
  }
  setTimeout(() => void visit(task, agent), task.pauseMs)
}

/** One request; resolves with what was wrong about it, if anything was. */
function ask({ port, path, giveUpMs }: VisitorTask, agent: Agent): Promise<string | undefined> {
  return new Promise((resolve) => {
    const call = request({ host: '127.0.0.1', port, path, agent, signal: AbortSignal.timeout(giveUpMs) })
    call.on('error', (error) => resolve(String(error)))
    call.on('response', (response) => {
      response.resume()
      response.on('error', (error) => resolve(String(error)))
      response.on('end', () => resolve(response.statusCode === 200 ? undefined : `status ${response.statusCode}`))
    })
    call.end()
  })
}

parentPort?.on('message', (message: VisitorTask | 'report') => {
  if (message !== 'report') {
    void visit(message, new Agent({ keepAlive: true, maxSockets: 1, localAddress: message.from }))
    return
  }
  parentPort?.postMessage(report, [])
  report = { answers: 0, failures: [], slowestMs: 0 }
})
