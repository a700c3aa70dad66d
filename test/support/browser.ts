import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { z } from 'zod'
import { connectToBrowser } from './browser-protocol.ts'
import { startProcess } from './peers/child-process.ts'

/** A page in a real browser with a profile of its own: no cookies but those it was given. */
export interface Page {
  /** The value of a JavaScript expression in the page; promises are awaited, exceptions rejected. */
  readonly evaluate: (expression: string) => Promise<unknown>
  /** Settles when the expression is true, also across page loads; rejects after `timeoutMs` (10 s). */
  readonly waitFor: (expression: string, timeoutMs?: number) => Promise<void>
  readonly goTo: (url: string) => Promise<void>
  /** Writes a PNG of what a visitor sees. */
  readonly screenshot: (file: string) => Promise<void>
  readonly close: () => Promise<void>
}

/** Nothing but the page's own requests leaves the browser; no sandbox, as it runs as root in CI. */
const FLAGS = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage', '--no-proxy-server', '--window-size=1280,800',
]

const START_TIMEOUT_MS = 30_000
const POLL_MS = 50

const targetSchema = z.object({ targetId: z.string() })
const sessionSchema = z.object({ sessionId: z.string() })
const screenshotSchema = z.object({ data: z.string() })
const evaluationSchema = z.object({
  result: z.object({ value: z.unknown().optional() }),
  exceptionDetails: z.object({ text: z.string(), exception: z.object({ description: z.string() }).optional() }).optional(),
})

/** Starts the Chromium at `program` and opens `url`, settled when the page has loaded. */
export async function openPage(program: string, url: string): Promise<Page> {
  const profile = await mkdtemp(path.join(tmpdir(), 'harpoon-chromium-'))
  const browser = await startProcess({
    program,
    args: [...FLAGS, '--remote-debugging-port=0', `--user-data-dir=${profile}`, 'about:blank'],
    env: { HOME: profile, TMPDIR: profile },
    cleanUp: () => rm(profile, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 }),
  })
  try {
    const listening = await browser.waitForOutput(/DevTools listening on ws:\S+/, START_TIMEOUT_MS)
    const protocol = await connectToBrowser(listening.slice(listening.indexOf('ws:')))
    const { targetId } = targetSchema.parse(await protocol.send('Target.createTarget', { url: 'about:blank' }))
    const { sessionId } = sessionSchema.parse(await protocol.send('Target.attachToTarget', { targetId, flatten: true }))
    const send = (method: string, parameters?: object) => protocol.send(method, parameters, sessionId)
    await send('Page.enable')

    const goTo = async (address: string) => {
      const loaded = protocol.event('Page.loadEventFired', sessionId)
      await Promise.all([loaded, send('Page.navigate', { url: address })])
    }
    const evaluate = async (expression: string) => {
      const answer = await send('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true })
      const { result, exceptionDetails } = evaluationSchema.parse(answer)
      if (exceptionDetails) throw new Error(`in the page: ${exceptionDetails.exception?.description ?? exceptionDetails.text}`)
      return result.value
    }
    const waitFor = async (expression: string, timeoutMs = 10_000) => {
      const deadline = Date.now() + timeoutMs
      // A page that is being left cannot be asked: that is "not yet" as well.
      while (!(await evaluate(expression).catch(() => false))) {
        if (Date.now() > deadline) throw new Error(`not true in the page after ${timeoutMs} ms: ${expression}`)
        await delay(POLL_MS)
      }
    }
    const screenshot = async (file: string) => {
      const { data } = screenshotSchema.parse(await send('Page.captureScreenshot', { format: 'png' }))
      await writeFile(file, Buffer.from(data, 'base64'))
    }
    const close = async () => {
      protocol.close()
      await browser.stop()
    }
    await goTo(url)
    return { evaluate, waitFor, goTo, screenshot, close }
  } catch (error) {
    await browser.stop()
    throw error
  }
}
