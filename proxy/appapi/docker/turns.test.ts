import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { ExAppBusyError } from './errors.ts'
import { Turns } from './turns.ts'

/** Work that begins when it is let and ends when it is told to. */
function job(log: string[], name: string): { readonly work: () => Promise<string>; readonly end: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>()
  const work = async (): Promise<string> => {
    log.push(`${name} begins`)
    await promise
    log.push(`${name} ends`)
    return name
  }
  return { work, end: resolve }
}

it('lets work of one key happen one after the other, in the order it came', async () => {
  const turns = new Turns()
  const log: string[] = []
  const jobs = ['a', 'b', 'c'].map((name) => job(log, name))
  const results = jobs.map(({ work }) => turns.take('x', work))
  for (const { end } of jobs.toReversed()) end()
  expect(await Promise.all(results)).toEqual(['a', 'b', 'c'])
  expect(log).toEqual(['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends'])
})

it('lets other keys pass meanwhile', async () => {
  const turns = new Turns()
  const log: string[] = []
  const slow = job(log, 'slow')
  const running = turns.take('x', slow.work)
  await turns.take('y', async () => void log.push('y'))
  slow.end()
  await running
  expect(log).toEqual(['slow begins', 'y', 'slow ends'])
})

it('goes on after work that failed', async () => {
  const turns = new Turns()
  const failing = turns.take('x', () => Promise.reject(new Error('broken')))
  const after = turns.take('x', async () => 'done')
  await expect(failing).rejects.toThrow('broken')
  expect(await after).toBe('done')
})

it('refuses who would have to wait behind too many', async () => {
  const turns = new Turns({ maxWaiting: 1 })
  const first = job([], 'first')
  const running = [turns.take('x', first.work), turns.take('x', async () => 'second')]
  await expect(turns.take('x', async () => 'third')).rejects.toThrow(ExAppBusyError)
  first.end()
  expect(await Promise.all(running)).toEqual(['first', 'second'])
  expect(await turns.take('x', async () => 'fourth')).toBe('fourth')
})

it('refuses who has waited too long, and never does that work', async () => {
  const turns = new Turns({ maxWaitMs: 20 })
  const log: string[] = []
  const first = job(log, 'first')
  const running = turns.take('x', first.work)
  await expect(turns.take('x', async () => void log.push('late'))).rejects.toThrow(/still running after 0.02 s/)
  first.end()
  await running
  await nextTurn()
  expect(log).toEqual(['first begins', 'first ends'])
  expect(await turns.take('x', async () => 'next')).toBe('next')
})
