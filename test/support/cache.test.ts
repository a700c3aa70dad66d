import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { cached } from './cache.ts'
import { startProcess } from './peers/child-process.ts'

let folder = ''

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'harpoon-cache-test-'))
  vi.stubEnv('HARPOON_CACHE', folder)
})

afterEach(async () => {
  vi.unstubAllEnvs()
  await rm(folder, { recursive: true, force: true })
})

/** A program that makes the entry, counts that it did, and takes its time. */
const slowMaker = `
  import { appendFile, writeFile } from 'node:fs/promises'
  import { setTimeout } from 'node:timers/promises'
  import { cached } from '${path.join(import.meta.dirname, 'cache.ts')}'
  const entry = await cached('entry', async (draft) => {
    await appendFile(process.env.HARPOON_CACHE + '/makers', 'x')
    console.log('making')
    await setTimeout(Number(process.env.TAKES))
    await writeFile(draft + '/file', 'made')
  })
  console.log('got ' + entry)
`

function startMaker(takesMs: number) {
  const env = { HARPOON_CACHE: folder, TAKES: `${takesMs}` }
  return startProcess({ program: process.execPath, args: ['--input-type=module', '-e', slowMaker], env })
}

it('makes an entry once, however many processes ask for it at the same time', async () => {
  const makers = await Promise.all([startMaker(300), startMaker(300), startMaker(300)])
  for (const maker of makers) {
    expect(await maker.exited).toEqual({ code: 0, signal: null })
    expect(maker.output()).toContain(`got ${path.join(folder, 'entry')}`)
  }
  expect(await readFile(path.join(folder, 'makers'), 'utf8')).toBe('x')
  expect(await readdir(folder)).toEqual(['entry', 'makers'])
})

it('goes on when the process that was making the entry is killed, and removes what it left', async () => {
  const killed = await startMaker(60_000)
  await killed.waitForOutput(/making/)
  const waiting = await startMaker(0)
  killed.kill('SIGKILL')
  expect(await waiting.exited).toEqual({ code: 0, signal: null })
  expect(await readdir(folder)).toEqual(['entry', 'makers'])
})

it('keeps nothing of an entry that could not be made, and tries again the next time', async () => {
  const failing = cached('entry', async (draft) => {
    await writeFile(path.join(draft, 'half'), '')
    throw new Error('the download broke off')
  })
  await expect(failing).rejects.toThrow('the download broke off')
  expect(await readdir(folder)).toEqual([])
  const entry = await cached('entry', (draft) => mkdir(path.join(draft, 'whole')))
  expect(existsSync(path.join(entry, 'whole'))).toBe(true)
})
