import assert from 'node:assert/strict'
import { openPage } from '../../test/support/browser.ts'
import { ensureChromium } from '../../test/support/chromium.ts'
import { MissingPeer } from '../../test/support/peers/missing.ts'
import { appId } from '../start-demo.ts'
import type { Demo } from '../start-demo.ts'
import type { Step } from './run-steps.ts'

/** Walks the same in Chromium, as the person would; left out, with the reason, where there is none. */
export function pageStep(demo: Demo): Step {
  return {
    title: 'in Chromium: refused, logged in, page and counter shown',
    run: async () => {
      try {
        await walk(await ensureChromium(), demo.url)
        return undefined
      } catch (error) {
        if (error instanceof MissingPeer) return `left out: ${error.message}`
        throw error
      }
    },
  }
}

async function walk(chromium: string, url: string): Promise<void> {
  const exappPage = `${url}/exapps/${appId}/page`
  const page = await openPage(chromium, exappPage)
  try {
    assert.equal(await page.evaluate('document.body.innerText'), '403 Forbidden')

    await page.goTo(url)
    await page.waitFor('document.forms.length === 1')
    await page.evaluate(`
      document.forms[0].user.value = 'user'
      document.forms[0].password.value = 'user'
      document.forms[0].requestSubmit()`)
    await page.waitFor(`document.querySelector('h1')?.innerText === 'Hello, user'`)

    await page.evaluate(`document.querySelector('a[href^="/exapps/"]').click()`)
    await page.waitFor(`document.querySelector('h1')?.innerText === 'Hello from the ExApp'`)
    await page.waitFor(`document.getElementById('user').innerText === 'user'`)
    await page.waitFor(`Number(document.getElementById('counter').innerText) >= 2`)
  } finally {
    await page.close()
  }
}
