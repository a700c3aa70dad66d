import { Agent, request } from 'node:http'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'

/** Between two requests: frequent enough that a stall of a tenth of a second is seen. */
const pauseMs = 20

/** What half of the requests may take in the time of a fault; on a quiet machine it is 2 ms. */
const medianLimitMs = 100

/** A single one may meet a pause of a busy machine; one that had to wait until the fault was over takes longer than this. */
const worstLimitMs = 2_500

/** Somebody who had nothing to do with a fault felt it. */
class DisturbedError extends Error {}

/** Does something while somebody else visits `url`, through a tunnel of its own. @throws DisturbedError when the visits failed or took long */
export async function undisturbed(url: string, fault: () => Promise<void>): Promise<void> {
  const stop = new AbortController()
  const visits = visit(url, stop.signal)
  visits.catch(() => {}) // thrown below, when the fault itself went as it should
  try {
    await fault()
  } finally {
    stop.abort()
  }
  const times = (await visits).sort((one, other) => one - other)
  const [median = Infinity, worst = Infinity] = [times[times.length >> 1], times.at(-1)]
  if (median > medianLimitMs || worst > worstLimitMs) {
    throw new DisturbedError(`${times.length} visits took ${Math.round(median)} ms, the longest ${Math.round(worst)} ms`)
  }
}

/** Visits one time after the other until told to stop, and gives the milliseconds that each visit took. */
async function visit(url: string, stop: AbortSignal): Promise<number[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const times: number[] = []
  try {
    while (!stop.aborted) {
      const startedAt = performance.now()
      const answer = await ask(url, agent)
      if (answer !== '200 ok') throw new DisturbedError(`a visit was answered with ${answer}`)
      times.push(performance.now() - startedAt)
      await delay(pauseMs)
    }
  } finally {
    agent.destroy()
  }
  return times
}

function ask(url: string, agent: Agent): Promise<string> {
  return new Promise((resolve, reject) => {
    request(url, { agent }, (response) => void text(response).then((body) => resolve(`${response.statusCode} ${body}`), reject))
      .on('error', reject)
      .end()
  })
}
