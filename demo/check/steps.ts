import assert from 'node:assert/strict'
import type { ExAppAdmin } from '../exapp.ts'
import { appId } from '../start-demo.ts'
import type { Demo } from '../start-demo.ts'
import { pageStep } from './page.ts'
import type { Step } from './run-steps.ts'
import { Visitor } from './visitor.ts'

/** What a person would try in the demo, in order; the later steps build on the earlier ones. */
export function stepsFor(demo: Demo): readonly Step[] {
  const root = `/exapps/${appId}`
  const visitor = new Visitor(demo.url)
  const admin = new Visitor(demo.url)

  return [
    step('Nextcloud answers behind the front', async () => {
      const { status, text } = await visitor.get('/status.php')
      assert.equal(status, 200)
      assert.match(text, /"installed":true/)
    }),
    step('a visitor without login is refused the page, and told nothing of the inside', async () => {
      assert.deepEqual(await visitor.get(`${root}/page`), { status: 403, text: '403 Forbidden' })
    }),
    step('a visitor without login is refused the WebSocket', async () => {
      assert.equal(await visitor.readMessages(`${root}/counter-ws`, 1), 403)
    }),
    step('a public route needs no login', async () => {
      assert.equal((await visitor.get(`${root}/public`)).status, 200)
    }),
    step('a wrong password does not log in', async () => {
      assert.equal((await visitor.login('user', 'wrong')).status, 401)
    }),
    step('user logs in to Nextcloud through the front', async () => {
      assert.equal((await visitor.login('user', 'user')).status, 303)
      assert.match((await visitor.get('/')).text, /Hello, user/)
    }),
    step(`user sees the ExApp’s page: ${demo.wayToExApp}`, async () => {
      const { status, text } = await visitor.get(`${root}/page`)
      assert.equal(status, 200)
      assert.match(text, /Hello from the ExApp/)
    }),
    step('the ExApp is told who the visitor is', async () => {
      assert.equal((await visitor.get(`${root}/whoami`)).text, '{"user":"user"}')
    }),
    step('the counter comes over a WebSocket', async () => {
      assert.deepEqual(await visitor.readMessages(`${root}/counter-ws`, 3), ['1', '2', '3'])
    }),
    step('user is refused what only admins may see', async () => {
      assert.equal((await visitor.get(`${root}/admin`)).status, 403)
    }),
    step('admin sees it', async () => {
      assert.equal((await admin.login('admin', 'admin')).status, 303)
      assert.equal((await admin.get(`${root}/admin`)).status, 200)
    }),
    step('after the logout the page is refused again', async () => {
      await visitor.get('/index.php/logout')
      assert.equal((await visitor.get(`${root}/page`)).status, 403)
    }),
    adminStep('disabled in Nextcloud, the ExApp’s container stops', demo, async (admin) => {
      await admin.disable()
      assert.equal(await admin.isRunning(), false)
    }),
    adminStep('enabled again, it is back', demo, async (admin) => {
      await admin.enable()
      assert.equal(await admin.isRunning(), true)
      assert.equal((await visitor.get(`${root}/public`)).status, 200)
    }),
    step('operators see that the data plane is ready', async () => {
      assert.equal((await fetch(`${demo.adminUrl}/readyz`)).status, 200)
    }),
    pageStep(demo),
  ]
}

/** Left out, with the reason, where AppAPI has not installed the ExApp. */
function adminStep(title: string, { admin }: Demo, run: (admin: ExAppAdmin) => Promise<void>): Step {
  return {
    title,
    run: async () => {
      if (typeof admin === 'string') return `left out: ${admin}`
      await run(admin)
      return undefined
    },
  }
}

function step(title: string, run: () => Promise<void>): Step {
  return {
    title,
    run: async () => {
      await run()
      return undefined
    },
  }
}
