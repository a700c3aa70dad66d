import { fileURLToPath } from 'node:url'
import { afterEach, expect, it } from 'vitest'
import { startProcess } from '../test/support/peers/child-process.ts'
import type { ChildProcess } from '../test/support/peers/child-process.ts'

// The first run on a machine builds frpc and may install Chromium.
const timeoutMs = 15 * 60_000
const main = fileURLToPath(new URL('main.ts', import.meta.url))

let demo: ChildProcess | undefined
afterEach(async () => {
  await demo?.stop()
  demo = undefined
})

async function startDemo(...args: string[]): Promise<ChildProcess> {
  // The whole environment: Go and Chromium are found by it.
  demo = await startProcess({ program: process.execPath, args: [main, ...args], env: process.env })
  return demo
}

it('walks through the demo and finds everything as promised', async () => {
  const demo = await startDemo('--check')
  const { code } = await demo.exited
  const told = demo.standardOutput().split('\n').filter((line) => /^(ok|FAILED) /.test(line))
  // What differs between machines: whether there is Go, and Chromium.
  const results = told.map((line) => line.replace(/ \(left out: .*\)$|: (container|unix|TCP) .*$/, ''))
  expect({ code, results }).toEqual({
    code: 0,
    results: [
      'ok      Nextcloud answers behind the front',
      'ok      a visitor without login is refused the page, and told nothing of the inside',
      'ok      a visitor without login is refused the WebSocket',
      'ok      a public route needs no login',
      'ok      a wrong password does not log in',
      'ok      user logs in to Nextcloud through the front',
      'ok      user sees the ExApp’s page',
      'ok      the ExApp is told who the visitor is',
      'ok      the counter comes over a WebSocket',
      'ok      user is refused what only admins may see',
      'ok      admin sees it',
      'ok      after the logout the page is refused again',
      'ok      disabled in Nextcloud, the ExApp’s container stops',
      'ok      enabled again, it is back',
      'ok      operators see that the data plane is ready',
      'ok      in Chromium: refused, logged in, page and counter shown',
    ],
  })
  expect(demo.standardOutput()).toContain('All 16 steps passed.')
}, timeoutMs)

it('tells a person what to open, shows decisions as they are made, and ends cleanly on Ctrl-C', async () => {
  const demo = await startDemo()
  await demo.waitForOutput(/Ctrl-C ends everything/, timeoutMs)
  const [page = ''] = /http:\/\/\S+\/exapps\/harpoon-demo\/page/.exec(demo.output()) ?? []
  expect(await (await fetch(page)).text()).toBe('403 Forbidden')
  await demo.waitForOutput(/│ .*path=\/exapps\/harpoon-demo\/page status=403/)
  demo.kill('SIGINT')
  expect(await demo.exited).toEqual({ code: 0, signal: null })
  await expect(fetch(page)).rejects.toThrow('fetch failed')
}, timeoutMs)

it.each([
  [['--port', 'x'], '--port x is not a port'],
  [['--cheque'], 'cheque'],
])('explains %j', async (args, problem) => {
  const demo = await startDemo(...args)
  expect(await demo.exited).toEqual({ code: 2, signal: null })
  expect(demo.output()).toContain(problem)
  expect(demo.output()).toContain('usage: npm run demo -- [--check] [--port <1-65535>]')
})
