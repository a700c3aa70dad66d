import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pino from 'pino'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ensureFrpCertificates, type FrpCertificates } from './frp-certificates.ts'
import { readServerPair } from './server-pair.ts'

describe('a server certificate from before', () => {
  let folder: string
  let made: FrpCertificates
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'harpoon-pair-'))
    made = await ensureFrpCertificates({ directory: join(folder, 'frp'), validityDays: 2, now: Date.now, log: pino({ enabled: false }) })
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  it('is used with its key', async () => {
    expect(await readServerPair(join(folder, 'frp'))).toEqual({ cert: made.serverCert, key: made.serverKey })
  })

  it('is not used, and no reason not to start, when it is gone, broken or another key’s', async () => {
    expect(await readServerPair(join(folder, 'nothing'))).toBeUndefined()
    for (const text of [made.clientKey, 'no key', '']) {
      await chmod(join(folder, 'frp', 'server.key'), 0o600)
      await writeFile(join(folder, 'frp', 'server.key'), text)
      expect(await readServerPair(join(folder, 'frp'))).toBeUndefined()
    }
    await rm(join(folder, 'frp', 'server.key'))
    expect(await readServerPair(join(folder, 'frp'))).toBeUndefined()
  })
})
