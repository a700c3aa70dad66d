import { expect, it } from 'vitest'
import { describeWithPeer } from '../support/describe-with-peer.ts'
import { bodies, fields, hostileNames, own } from './bad-calls.ts'
import { endpoints, exAppCall } from './exapp-call.ts'
import { engineForLife, setLifeStage } from './life-stage.ts'

const TIMEOUT_MS = 120_000

describeWithPeer('bad calls', engineForLife, ({ current }) => {
  it('leave a real engine as it was', async () => {
    await using life = await setLifeStage(current(), { tls: false })
    const manifest = await life.manifest('no-shell', 'bystander', { environment: { INIT_STEP: 'none' } })
    await life.appApi.register(manifest)
    const { docker } = life.engine
    // Other tests may be busy on an engine that ran before.
    const isTheirs = (line: string): boolean => line.includes('harpoon') && !line.includes(life.run.id)
    const list = async (...args: string[]): Promise<string[]> => (await docker(args)).split('\n').filter((line) => !isTheirs(line))
    const lists = (): Promise<string[][]> =>
      Promise.all([
        list('ps', '--all', '--no-trunc', '--format', '{{.ID}} {{.Names}} {{.Image}} {{.State}}'),
        list('volume', 'ls', '--format', '{{.Name}}'),
        list('network', 'ls', '--no-trunc', '--format', '{{.ID}} {{.Name}}'),
        list('image', 'ls', '--all', '--no-trunc', '--format', '{{.ID}} {{.Repository}} {{.Tag}}'),
      ])
    const before = await lists()
    life.proxy.clearCalls()
    const hisOwn = { ...own, name: manifest.appId, image_id: life.run.id }
    const calls = endpoints.flatMap((endpoint) => [
      ...bodies.map(([, body]) => [endpoint, body] as const),
      ...hostileNames.filter(() => endpoint !== 'image_remove').map((name) => [endpoint, { ...hisOwn, name }] as const),
    ])
    for (const [endpoint, body] of [...calls, ...fields.map(([endpoint, change]) => [endpoint, { ...hisOwn, ...change }] as const)]) {
      expect(await exAppCall(life.stage, endpoint, body)).toMatchObject({ status: 400 })
    }
    expect(life.proxy.calls).toEqual([])
    expect(await lists()).toEqual(before)
    expect(await life.appApi.exapp.heartbeat(life.appApi.row(manifest.appId))).toBe(true)
  }, TIMEOUT_MS)
})
