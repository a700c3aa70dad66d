import { randomBytes } from 'node:crypto'
import { expect, it } from 'vitest'
import { describeWithPeer } from './describe-with-peer.ts'
import { dockerEngine } from './dockerd.ts'
import { beginEngineRun } from './engine-run.ts'

describeWithPeer('what a test run makes on an engine', dockerEngine, ({ current }) => {
  const lines = async (...args: string[]): Promise<string[]> => (await current().docker(args)).split('\n').filter(Boolean)
  const namesWith = async (id: string): Promise<string[]> => {
    const lists = await Promise.all([
      lines('ps', '--all', '--format', '{{.Names}}'),
      lines('volume', 'ls', '--format', '{{.Name}}'),
      lines('network', 'ls', '--format', '{{.Name}}'),
      lines('image', 'ls', '--format', '{{.Repository}}'),
    ])
    return lists.flat().filter((name) => name.includes(id))
  }

  it('is removed at its end', async () => {
    const run = await beginEngineRun(current())
    const image = await run.images.make('no-shell')
    await current().docker(['create', '--name', `nc_app_${run.appId('x')}`, '--volume', `nc_app_${run.appId('x')}_data:/x`, image])
    await current().docker(['create', '--volume', '/anonymous', image])
    await run.network('net')
    expect((await namesWith(run.id)).length).toBeGreaterThanOrEqual(5)
    await run.close()
    expect(await namesWith(run.id)).toEqual([])
    expect(await lines('ps', '--all', '--quiet', '--filter', `label=dev.harpoon.test=${run.id}`)).toEqual([])
  }, 120_000)

  it('is removed by the next run when the first was killed, and left alone while it lives', async () => {
    const killed = `harpoontest${randomBytes(4).toString('hex')}` // nobody holds its lock
    await current().docker(['volume', 'create', `nc_app_${killed}_x_data`])
    await current().docker(['network', 'create', '--label', `dev.harpoon.test=${killed}`, `${killed}_net`])
    const living = await beginEngineRun(current())
    expect(await namesWith(killed)).toEqual([])
    await living.network('net')
    const next = await beginEngineRun(current())
    expect(await namesWith(living.id)).toEqual([`${living.id}_net`])
    await next.close()
    await living.close()
  }, 60_000)
})
