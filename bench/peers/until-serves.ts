import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'

const pollMs = 50

/** Resolves when the URL answers 200. @throws Error when it has not within `timeoutMs` */
export async function untilServes(url: string, timeoutMs = 30_000): Promise<void> {
  await until(url, timeoutMs, async () => {
    const response = await fetch(url)
    await response.body?.cancel()
    if (!response.ok) throw new Error(`status ${response.status}`)
  })
}

/** Resolves when the port of loopback takes connections. @throws Error when it has not within `timeoutMs` */
export async function untilListens(port: number, timeoutMs: number): Promise<void> {
  await until(`port ${port}`, timeoutMs, async () => {
    const socket = connect(port, '127.0.0.1')
    try {
      await once(socket, 'connect')
    } finally {
      socket.destroy()
    }
  })
}

async function until(what: string, timeoutMs: number, attempt: () => Promise<void>): Promise<void> {
  const deadline = performance.now() + timeoutMs
  for (;;) {
    try {
      return await attempt()
    } catch (cause) {
      if (performance.now() > deadline) throw new Error(`${what} did not answer within ${timeoutMs} ms`, { cause })
    }
    await wait(pollMs)
  }
}
