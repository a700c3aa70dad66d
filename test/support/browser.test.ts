import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { openPage } from './browser.ts'
import { chromium } from './chromium.ts'
import { describeWithPeer } from './describe-with-peer.ts'

describeWithPeer('a page in a browser', chromium, ({ current }) => {
  it('runs the scripts of a page, can be asked about it and shows what it looks like', async () => {
    const server = createServer((_request, response) => {
      response.setHeader('content-type', 'text/html').setHeader('set-cookie', 'seen=1')
      response.end('<title>hello</title><p id=p></p><script>setTimeout(() => { p.textContent = document.cookie }, 50)</script>')
    })
    const port = await new Promise<number>((resolve) => {
      server.listen(0, '127.0.0.1', () => {
        const address = server.address()
        resolve(typeof address === 'object' && address ? address.port : 0)
      })
    })
    onTestFinished(() => {
      server.close()
      server.closeAllConnections()
    })
    const folder = await mkdtemp(path.join(tmpdir(), 'harpoon-browser-test-'))
    onTestFinished(() => rm(folder, { recursive: true, force: true }))
    const page = await openPage(current(), `http://127.0.0.1:${port}/`)
    onTestFinished(page.close)
    expect(await page.evaluate('document.title')).toBe('hello')
    await page.waitFor(`document.querySelector('#p').textContent === 'seen=1'`)
    await expect(page.evaluate('no.such.thing')).rejects.toThrow('no is not defined')
    await page.screenshot(path.join(folder, 'page.png'))
    expect((await readFile(path.join(folder, 'page.png'))).subarray(1, 4).toString()).toBe('PNG')
  }, 60_000)
})
