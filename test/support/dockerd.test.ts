import { existsSync } from 'node:fs'
import { expect, it } from 'vitest'
import { describeWithPeer } from './describe-with-peer.ts'
import { dockerEngine } from './dockerd.ts'
import { importImage } from './image-from-files.ts'

describeWithPeer('a real Docker Engine for tests', dockerEngine, ({ current, finish }) => {
  const image = 'harpoon-engine-test:latest'

  finish(async ({ docker }) => void (await docker(['image', 'rm', '--force', image])))

  it('answers on its socket', async () => {
    const { socketPath, apiVersion, docker } = current()
    expect(existsSync(socketPath)).toBe(true)
    expect(Number(apiVersion.split('.')[1])).toBeGreaterThanOrEqual(41)
    expect((await docker(['version', '--format', '{{.Server.APIVersion}}'])).trim()).toBe(apiVersion)
  })

  it('runs Node in an image made of files of this machine, as an unprivileged user', async () => {
    await importImage(current(), image, { programs: { '/usr/local/bin/node': process.execPath } })
    const command = ['/usr/local/bin/node', '-p', `[process.version, process.getuid(), (fs.statSync('/tmp').mode & 0o1777).toString(8)].join()`]
    const output = await current().docker(['run', '--rm', '--network', 'none', '--user', '1000', image, ...command])
    expect(output.trim()).toBe(`${process.version},1000,1777`)
  }, 60_000)
})
