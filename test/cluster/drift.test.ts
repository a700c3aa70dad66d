import { setTimeout as delay } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { resources } from '../../operator/cluster/resources.ts'
import { secretEntries } from '../../operator/cluster/secret.ts'
import { startTestOperator, type TestOperator } from '../support/cluster/operator.ts'
import { conditionOf, describeWithCluster, dockerEngineObject, exAppDaemonObject } from '../support/cluster/with-cluster.ts'

describeWithCluster('what belongs to a daemon', ({ current, prepare, finish }) => {
  let operator: TestOperator
  prepare(async (cluster) => {
    operator = await startTestOperator(cluster)
  })
  finish(() => operator.close())

  /** A daemon that has come to rest; gives its namespace. */
  async function settled(spec: object = {}): Promise<string> {
    const { apply, createNamespace, whenObject } = current()
    const namespace = await createNamespace()
    await apply(exAppDaemonObject(namespace, 'main', spec))
    await whenObject(resources.exAppDaemon, { namespace, name: 'main' }, (daemon) => conditionOf(daemon, 'DataPlaneAvailable')?.includes('NotReady') ?? false)
    return namespace
  }

  it('is made again when somebody deletes it, secrets with new contents', async () => {
    const { kubectl, whenObject } = current()
    const namespace = await settled()
    const before = await whenObject(resources.secret, { namespace, name: 'main-frp-tls' })
    await kubectl('delete', 'deployment/main', 'service/main-frp', 'secret/main-frp-tls', 'configmap/main-config', '--namespace', namespace)
    await whenObject(resources.deployment, { namespace, name: 'main' })
    await whenObject(resources.service, { namespace, name: 'main-frp' })
    await whenObject(resources.configMap, { namespace, name: 'main-config' })
    const after = await whenObject(resources.secret, { namespace, name: 'main-frp-tls' })
    expect(secretEntries(after)['server.crt']).not.toBe(secretEntries(before)['server.crt'])
    expect(secretEntries(after)['ca.crt']).toBe(secretEntries(before)['ca.crt']) // clients go on trusting it
  })

  it('is mended when somebody changes what is ours in it, and what is theirs stays', async () => {
    const { kubectl, whenObject } = current()
    const namespace = await settled()
    await kubectl('scale', 'deployment/main', '--replicas=3', '--namespace', namespace)
    await kubectl('annotate', 'deployment/main', 'example.org/note=mine', '--namespace', namespace)
    await kubectl('patch', 'service/main', '--namespace', namespace, '--type=json', '--patch=[{"op":"replace","path":"/spec/ports/0/port","value":1}]')
    const deployment = await whenObject(resources.deployment, { namespace, name: 'main' }, (object) => (object['spec'] as { replicas: number }).replicas === 1)
    expect(deployment.metadata.annotations?.['example.org/note']).toBe('mine')
    await whenObject(resources.service, { namespace, name: 'main' }, (object) => (object['spec'] as { ports: { port: number }[] }).ports[0]?.port === 8780)
  })

  it('goes when it is not wanted any more', async () => {
    const { apply, eventually, cluster, whenObject } = current()
    const namespace = await settled({ route: { ingress: { hosts: ['cloud.example.org'] } } })
    await whenObject(resources.ingress, { namespace, name: 'main-exapps' })
    await apply(exAppDaemonObject(namespace, 'main', { networkPolicy: { enabled: false } }))
    await eventually('the Ingress is gone', async () => (await cluster.read(resources.ingress, { namespace, name: 'main-exapps' })) === undefined)
    await eventually('the NetworkPolicy is gone', async () => (await cluster.read(resources.networkPolicy, { namespace, name: 'main' })) === undefined)
    expect(await cluster.read(resources.service, { namespace, name: 'main' })).toBeDefined() // what is wanted stays
  })

  it('goes with the daemon, and engines say that they have none', async () => {
    const { apply, kubectl, eventually, cluster, whenObject } = current()
    const namespace = await settled()
    await apply(dockerEngineObject(namespace, 'gpu', 'main'))
    const key = { namespace, name: 'gpu' }
    await whenObject(resources.dockerEngine, key, (engine) => conditionOf(engine, 'CredentialsIssued')?.startsWith('True') ?? false)
    await kubectl('delete', 'exappdaemon/main', '--namespace', namespace, '--timeout=30s')
    for (const [type, name] of [[resources.deployment, 'main'], [resources.secret, 'main-keys'], [resources.configMap, 'main-engine-ports']] as const) {
      await eventually(`${type.kind} ${name} is gone`, async () => (await cluster.read(type, { namespace, name })) === undefined)
    }
    const engine = await whenObject(resources.dockerEngine, key, (object) => conditionOf(object, 'PortAssigned')?.includes('DaemonMissing') ?? false)
    expect(conditionOf(engine, 'PortAssigned')).toBe(`False DaemonMissing: ExAppDaemon main does not exist in namespace ${namespace}`)
    await kubectl('delete', 'dockerengine/gpu', '--namespace', namespace, '--timeout=30s') // its finalizer waits for nobody
  })

  it('is left alone when an object of that name is somebody else\'s', async () => {
    const { apply, createNamespace, kubectl, eventually } = current()
    const namespace = await createNamespace()
    await kubectl('create', 'configmap', 'main-config', '--from-literal=theirs=yes', '--namespace', namespace)
    await apply(exAppDaemonObject(namespace, 'main'))
    await eventually('a condition that names it', async () =>
      (await kubectl('get', 'exappdaemon/main', '--namespace', namespace, '--output=jsonpath={.status.problem}')).includes('ConfigMap main-config exists already'),
    )
    expect(await kubectl('get', 'configmap/main-config', '--namespace', namespace, '--output=jsonpath={.data}')).toBe('{"theirs":"yes"}')
  })

  it('costs no write while nothing changes', async () => {
    await settled()
    const writes = async (): Promise<number> => {
      const { POST = 0, PUT = 0, PATCH = 0, DELETE = 0 } = await operator.calls()
      return POST + PUT + PATCH + DELETE
    }
    // What other tests made may still be settling.
    let before = await writes()
    await current().eventually('two seconds without a write', async () => {
      await delay(2000)
      const now = await writes()
      const isQuiet = now === before
      before = now
      return isQuiet
    })
    await delay(60_000)
    expect(await writes()).toBe(before)
  }, 180_000)
})
