import { X509Certificate } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openScratch, type Scratch } from '../../test/support/frp-certificates.ts'
import { isNearExpiry, renewalReason } from './client-renewal.ts'
import type { FrpCertificates } from './frp-certificates.ts'
import type { ClientFiles } from './read.ts'

const dayMs = 24 * 60 * 60_000
const now = Math.floor(Date.now() / 1000) * 1000

const clientOf = ({ ca, clientCert: cert, clientKey: key }: FrpCertificates): ClientFiles => ({ ca, cert, key })

let scratch: Scratch
let years: ClientFiles
let month: ClientFiles
let other: ClientFiles
beforeAll(async () => {
  scratch = await openScratch()
  const make = async (days: number): Promise<ClientFiles> => clientOf(await scratch.ensure(scratch.newDirectory(), now, days))
  ;[years, month, other] = [await make(5000), await make(30), await make(5000)]
})
afterAll(() => scratch.remove())

describe('a client’s certificate is renewed', () => {
  it('30 days before its end, or in the last third of a shorter life', () => {
    const at = (files: ClientFiles, days: number): boolean => isNearExpiry(new X509Certificate(files.cert), now + days * dayMs)
    expect([at(years, 0), at(years, 4969), at(years, 4971), at(years, 6000)]).toEqual([false, false, true, true])
    expect([at(month, 0), at(month, 19), at(month, 21), at(month, 40)]).toEqual([false, false, true, true])
  })

  it('when it is neither near its end nor of another CA: not at all', () => {
    expect(renewalReason(years, years, now)).toBeUndefined()
    expect(renewalReason({ ...years, ca: `\n${years.ca}` }, years, now)).toBeUndefined()
  })

  it('when a CA has come beside the one that it trusts', () => {
    expect(renewalReason(years, { ...years, ca: years.ca + other.ca }, now)).toBe('it trusts other CAs')
    expect(renewalReason({ ...years, ca: undefined }, years, now)).toBe('it trusts other CAs')
  })

  it('when the CA that signed it is being replaced, or is gone', () => {
    expect(renewalReason({ ...years, ca: years.ca + other.ca }, { ...other, ca: years.ca + other.ca }, now)).toBe('its CA is being replaced')
    expect(renewalReason(years, other, now)).toBe('its CA is being replaced')
  })

  it('when it ends soon and there is one that lasts longer, not for the same once more', async () => {
    const directory = scratch.newDirectory()
    const long = clientOf(await scratch.ensure(directory, now, 5000))
    for (const name of ['client.key', 'client.crt']) await rm(join(directory, name))
    const short = clientOf(await scratch.ensure(directory, now, 30)) // of the same CA
    const soon = now + 29 * dayMs
    expect(renewalReason(short, long, now)).toBeUndefined()
    expect(renewalReason(short, long, soon)).toBe('it ends soon')
    expect(renewalReason(short, short, soon)).toBeUndefined()
    expect(renewalReason(long, short, soon)).toBeUndefined()
  })

  it.each([
    ['is no certificate', { cert: 'x' }, 'it cannot be read'],
    ['has no key', { key: undefined }, 'it cannot be read'],
    ['was cut off', { cert: '-----BEGIN CERTIFICATE-----\nMII' }, 'it cannot be read'],
  ])('when it %s', (_what, change, reason) => {
    expect(renewalReason({ ...years, ...change }, years, now)).toBe(reason)
  })

  it('when its key is that of another one: the copying was interrupted', () => {
    expect(renewalReason({ ...years, key: other.key }, years, now)).toBe('its key is another one’s')
  })
})
