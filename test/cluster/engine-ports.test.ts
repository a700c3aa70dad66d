import { expect, it } from 'vitest'
import { resources } from '../../operator/cluster/resources.ts'
import { startTestOperator, type TestOperator } from '../support/cluster/operator.ts'
import { conditionOf, describeWithCluster, dockerEngineObject, exAppDaemonObject } from '../support/cluster/with-cluster.ts'

describeWithCluster('ports of engines', ({ current, prepare, finish }) => {
  const operators: TestOperator[] = []
  // Two at once, which a lease forbids: for the moments in which one leader has not noticed that another one leads.
  prepare(async (cluster) => {
    operators.push(await startTestOperator(cluster), await startTestOperator(cluster))
  })
  finish(async () => {
    await Promise.all(operators.map((operator) => operator.close()))
  })

  const portOf = async (namespace: string, name: string): Promise<number> => {
    const engine = await current().whenObject(resources.dockerEngine, { namespace, name }, (object) => conditionOf(object, 'PortAssigned')?.startsWith('True') ?? false)
    return (engine['status'] as { remotePort: number }).remotePort
  }

  it('are all different when 99 engines come at once and two operators act; the hundredth is told that none is left', async () => {
    const { apply, createNamespace, eventually, kubectl, whenObject } = current()
    const namespace = await createNamespace()
    const names = Array.from({ length: 99 }, (_, index) => `engine-${index + 1}`)
    await apply(exAppDaemonObject(namespace, 'main'), ...names.map((name) => dockerEngineObject(namespace, name, 'main')))
    const ports = await eventually('99 ports', async () => {
      const text = await kubectl('get', 'dockerengines', '--namespace', namespace, '--output=jsonpath={.items[*].status.remotePort}')
      const all = text.split(' ').filter(Boolean).map(Number)
      return all.length === 99 && all
    }, 200_000)
    expect([...ports].sort((one, other) => one - other)).toEqual(Array.from({ length: 99 }, (_, index) => 24_001 + index))
    await apply(dockerEngineObject(namespace, 'one-too-many', 'main'))
    const late = { namespace, name: 'one-too-many' }
    const refused = await whenObject(resources.dockerEngine, late, (object) => conditionOf(object, 'PortAssigned') !== undefined)
    expect(conditionOf(refused, 'PortAssigned')).toBe('False NoPortLeft: all 99 ports (24001 to 24099) are in use: delete an engine that is not needed')
    // A port is free again only when its engine is gone.
    const freed = await portOf(namespace, 'engine-7')
    await kubectl('delete', 'dockerengine/engine-7', '--namespace', namespace, '--timeout=30s')
    expect(await portOf(namespace, 'one-too-many')).toBe(freed)
  }, 300_000)

  it('are those that are asked for, and never taken from others', async () => {
    const { apply, createNamespace, whenObject } = current()
    const namespace = await createNamespace()
    await apply(exAppDaemonObject(namespace, 'main'), dockerEngineObject(namespace, 'wants', 'main', { remotePort: 24_001 }), dockerEngineObject(namespace, 'any', 'main'))
    expect(await portOf(namespace, 'wants')).toBe(24_001)
    expect(await portOf(namespace, 'any')).toBe(24_002)
    await apply(dockerEngineObject(namespace, 'also-wants', 'main', { remotePort: 24_002 }))
    const refused = await whenObject(resources.dockerEngine, { namespace, name: 'also-wants' }, (object) => conditionOf(object, 'PortAssigned') !== undefined)
    expect(conditionOf(refused, 'PortAssigned')).toBe('False PortTaken: port 24002 belongs to DockerEngine any: ask for another one, or for none')
  })

  it('stay when the ledger is lost', async () => {
    const { apply, createNamespace, kubectl, whenObject } = current()
    const namespace = await createNamespace()
    await apply(exAppDaemonObject(namespace, 'main'), dockerEngineObject(namespace, 'first', 'main'), dockerEngineObject(namespace, 'second', 'main'))
    const before = [await portOf(namespace, 'first'), await portOf(namespace, 'second')]
    await kubectl('delete', 'configmap/main-engine-ports', '--namespace', namespace)
    const ledger = await whenObject(resources.configMap, { namespace, name: 'main-engine-ports' }, (object) => Object.keys((object['data'] as object | undefined) ?? {}).length === 2)
    expect([await portOf(namespace, 'first'), await portOf(namespace, 'second')]).toEqual(before)
    expect(Object.entries(ledger['data'] as Record<string, string>).map(([port, text]) => `${port} ${text.split(' ')[0]}`).sort()).toEqual(
      [`${before[0]} first`, `${before[1]} second`].sort(),
    )
  })

  it('are separate for each of two daemons in one namespace', async () => {
    const { apply, createNamespace } = current()
    const namespace = await createNamespace()
    await apply(
      exAppDaemonObject(namespace, 'one'),
      exAppDaemonObject(namespace, 'two'),
      dockerEngineObject(namespace, 'of-one', 'one'),
      dockerEngineObject(namespace, 'of-two', 'two'),
    )
    expect(await portOf(namespace, 'of-one')).toBe(24_001)
    expect(await portOf(namespace, 'of-two')).toBe(24_001)
  })
})
