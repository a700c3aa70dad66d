import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connectRaw, type RawClient } from './raw-client.ts'
import { type Stage, setStage } from './stage.ts'

/** Visible ASCII; `#` is no part of a request target. */
const printable = Array.from({ length: 0x7e - 0x20 }, (_, at) => String.fromCharCode(0x21 + at)).filter((character) => character !== '#')

/** More of what a careless proxy would rewrite than chance gives. */
const traps = ['%2f', '%2F', '%5c', '%00', '%zz', '%', '//', '/./', '/.', '...', '..;', '\\', '?', '??', '&amp;', '+', '%20', '%25', '%252e%252e', ':', '@', ';', '=', '~', '|', '"', '<', '{', '[']

const text = fc.array(fc.oneof(fc.constantFrom(...printable), fc.constantFrom(...traps)), { maxLength: 40 }).map((parts) => parts.join(''))

const climbs = /(?:^|\/|%2f)(?:\.|%2e)(?:\.|%2e)(?:\/|%2f|$)/i

describe('path and query', () => {
  let stage: Stage
  let client: RawClient
  beforeAll(async () => {
    stage = await setStage({ HP_TIMEOUT_CLIENT: '60s' })
    stage.nextcloud.addExApp({ appId: 'own', port: stage.exApp.port ?? 0, routes: [{ url: '', access_level: 0 }] })
    client = await connectRaw(stage.port)
  })
  afterAll(async () => {
    client.socket.destroy()
    await stage.close()
  })

  it('reach the ExApp byte for byte', async () => {
    let asked = 0
    await fc.assert(
      fc.asyncProperty(text, fc.option(text), async (path, query) => {
        // The first segment is not one that the ExApp answers in a way of its own; none of them climbs.
        const target = `/x/${path}${query === null ? '' : `?${query}`}`
        fc.pre(!climbs.test(target.split('?', 1)[0] ?? ''))
        asked += 1
        client.write(`HEAD /exapps/own${target} HTTP/1.1\r\nHost: x\r\nX-Number: ${asked}\r\n\r\n`)
        await expect.poll(() => client.received.split('\r\n\r\n').length, { interval: 1 }).toBe(asked + 1)
        expect(stage.exApp.requests.at(-1)).toMatchObject({ url: target, headers: { 'x-number': `${asked}` } })
      }),
      { numRuns: 500 },
    )
    expect(client.received.match(/HTTP\/1.1 (?!200)/g)).toBeNull()
  })
})
