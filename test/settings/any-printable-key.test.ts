import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readConfig } from '../../proxy/config.ts'
import { createNextcloudClient } from '../../proxy/nextcloud/client.ts'
import { readHead } from '../../proxy/request/head.ts'
import { createKeyCheck } from '../../proxy/request/shared-key.ts'
import { type NextcloudStandIn, startNextcloud } from '../support/nextcloud.ts'
import { sendForAnswer } from '../support/send.ts'

const printable = fc.string({ unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)), minLength: 1, maxLength: 60 })
const isWrapped = (key: string): boolean => /^".*"$|^'.*'$/.test(key)
const keys = printable.filter((key) => key.trim() !== '' && !isWrapped(key))
const configFor = (key: string, url: string) => readConfig({ HP_SHARED_KEY: key, NC_INSTANCE_URL: url })

describe('any printable key', () => {
  it('is recognised after its way through a real HTTP header', async () => {
    const received: string[] = []
    const server = createServer(({ rawHeaders }, response) => {
      received.push(readHead(rawHeaders).last.get('harp-shared-key') ?? '')
      response.end()
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    try {
      await fc.assert(
        fc.asyncProperty(keys, printable, async (key, other) => {
          const [sharedKey = ''] = configFor(key, 'http://nextcloud').sharedKeys
          expect(sharedKey).toBe(key)
          await sendForAnswer({ port, path: '/', headers: { 'harp-shared-key': sharedKey } })
          const isSharedKey = createKeyCheck(() => [sharedKey])
          expect(isSharedKey(received.pop())).toBe(true)
          expect(isSharedKey(other)).toBe(other === key.trim())
        }),
        { numRuns: 150 },
      )
    } finally {
      server.close()
      server.closeAllConnections()
    }
  })

  describe('shown to Nextcloud', () => {
    let nextcloud: NextcloudStandIn
    beforeAll(async () => {
      nextcloud = await startNextcloud({ sharedKey: '' })
      nextcloud.addExApp({ appId: 'demo', port: 1 })
    })
    afterAll(() => nextcloud.close())

    it.each(['k', 'a"b', 'a\\b', "it's", 'two words', '"open', '%41{}$(x)`;#&|<>', '~!@#$%^&*()_+-=[]{}|;\':",./<>?', '*', '007'])('arrives as it is: %s', async (key) => {
      nextcloud.setSharedKey(key)
      const { nextcloudUrl, sharedKeys } = configFor(key, nextcloud.url)
      const client = createNextcloudClient({ url: nextcloudUrl, sharedKeys: () => sharedKeys, observe: () => {}, maxCalls: 1, onLimit: () => {} })
      try {
        expect(await client.exApp('demo')).toMatchObject({ id: 'demo' })
      } finally {
        await client.close()
      }
    })
  })
})
