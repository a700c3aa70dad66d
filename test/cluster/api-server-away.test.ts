import { expect, it } from 'vitest'
import { resources } from '../../operator/cluster/resources.ts'
import { startTestOperator, type TestOperator } from '../support/cluster/operator.ts'
import { conditionOf, describeWithCluster, dockerEngineObject, exAppDaemonObject } from '../support/cluster/with-cluster.ts'

describeWithCluster('an operator whose API server was away', ({ current, prepare, finish }) => {
  let operator: TestOperator
  prepare(async (cluster) => {
    operator = await startTestOperator(cluster)
  })
  finish(() => operator.close())

  it('sees what is made, changed and deleted afterwards', async () => {
    const { apply, cluster, createNamespace, eventually, kubectl, restartApiServer, whenObject } = current()
    const namespace = await createNamespace()
    await apply(exAppDaemonObject(namespace, 'before'))
    await whenObject(resources.deployment, { namespace, name: 'before' })
    await restartApiServer()
    await apply(exAppDaemonObject(namespace, 'after'), dockerEngineObject(namespace, 'gpu', 'before'))
    await kubectl('delete', 'service/before', '--namespace', namespace)
    await whenObject(resources.deployment, { namespace, name: 'after' })
    await whenObject(resources.service, { namespace, name: 'before' })
    const engine = await whenObject(resources.dockerEngine, { namespace, name: 'gpu' }, (object) => conditionOf(object, 'CredentialsIssued')?.startsWith('True') ?? false)
    expect(conditionOf(engine, 'PortAssigned')).toBe('True Assigned: AppAPI knows this engine as port 24001')
    await eventually('all watches follow again', async () => operator.isWatching)
    await kubectl('delete', 'exappdaemon/after', '--namespace', namespace, '--timeout=30s')
    await eventually('its Deployment is gone', async () => (await cluster.read(resources.deployment, { namespace, name: 'after' })) === undefined, 90_000)
  })
})
