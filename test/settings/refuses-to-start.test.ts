import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Environment } from '../../proxy/config.ts'
import { startDataPlaneProgram } from '../support/data-plane-process.ts'

/** Runs the program to its end. */
async function start(env: Environment): Promise<{ code: number | null; standardOutput: string; errorLines: readonly string[] }> {
  const child = await startDataPlaneProgram(env)
  const { code } = await child.exited
  const standardOutput = child.standardOutput()
  return { code, standardOutput, errorLines: child.output().replace(standardOutput, '').trimEnd().split('\n') }
}

describe('a data plane with bad settings', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'harpoon-start-'))
  })
  afterAll(() => rm(folder, { recursive: true }))

  it('says everything that is wrong at once on standard error and exits with 1', async () => {
    const { code, standardOutput, errorLines } = await start({ HP_SHARED_KEY: 'ge\theim', HP_LOG_LEVEL: 'loud', HP_EXAPPS_ADDRESS: 'here', HP_BLACKLIST_COUNT: '0' })
    expect([code, standardOutput]).toEqual([1, ''])
    expect(errorLines).toEqual([
      'Harpoon cannot start with these settings:',
      '  - HP_SHARED_KEY: the value has a character outside printable ASCII (a line break, a tab, an accent); accepted: characters 0x20 to 0x7E',
      '  - NC_INSTANCE_URL: not set; accepted: the base URL of Nextcloud, such as https://cloud.example.org or http://nextcloud/subfolder',
      '  - HP_EXAPPS_ADDRESS: "here" is not accepted; accepted: host:port, such as 0.0.0.0:8780, [::]:8780 or :8780 (all addresses)',
      '  - HP_LOG_LEVEL: "loud" is not accepted; accepted: debug, info, warning, error',
      '  - HP_BLACKLIST_COUNT: "0" is not accepted; accepted: a whole number from 1 to 1000000',
    ])
  })

  const runnable = (): Environment => ({
    HP_SHARED_KEY: 'geheim',
    NC_INSTANCE_URL: 'http://127.0.0.1:1',
    HP_EXAPPS_ADDRESS: '127.0.0.1:0',
    HP_EXAPPS_HTTPS_ADDRESS: '127.0.0.1:0',
    HP_FRP_ADDRESS: '127.0.0.1:0',
    HP_FRP_DISABLE_TLS: 'true',
    HARPOON_ADMIN_ADDRESS: '127.0.0.1:0',
    HARPOON_CERTS_DIR: folder,
    HP_VERBOSE_START: '0',
  })

  it.each(['HP_EXAPPS_ADDRESS', 'HP_FRP_ADDRESS', 'HARPOON_ADMIN_ADDRESS'])('says in one line that the port of %s is taken', async (name) => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = other.address() as AddressInfo
    try {
      const { code, errorLines } = await start({ ...runnable(), [name]: `127.0.0.1:${port}` })
      expect(code).toBe(1)
      expect(errorLines).toEqual([expect.stringMatching(new RegExp(`^Harpoon cannot start: .*EADDRINUSE.*127\\.0\\.0\\.1:${port}`))])
    } finally {
      other.close()
    }
  })

  it('says in one line that the HTTPS certificate is broken', async () => {
    await writeFile(join(folder, 'cert.pem'), 'not a certificate')
    const { code, errorLines } = await start(runnable())
    expect(code).toBe(1)
    expect(errorLines).toEqual([expect.stringMatching(/^Harpoon cannot start: .*cert\.pem.*holds no certificate/)])
  })
})
