import { expect, it } from 'vitest'
import { dockerEngineObject, describeWithCluster, exAppDaemonObject } from '../support/cluster/with-cluster.ts'

describeWithCluster('the definitions of our resources', ({ current, prepare }) => {
  let namespace = ''
  prepare(async (cluster) => {
    namespace = await cluster.createNamespace()
  })

  const nextcloud = { url: 'https://cloud.example.org' }
  const refused: readonly (readonly [string, object, RegExp])[] = [
    ['a daemon without Nextcloud', { nextcloud: {} }, /missing required field "url"/],
    ['an address that is no URL', { nextcloud: { url: 'cloud.example.org' } }, /spec\.nextcloud\.url in body should match/],
    ['an address with a password in it', { nextcloud: { url: 'https://admin:secret@cloud.example.org' } }, /should match/],
    ['two kinds of route', { route: { ingress: { hosts: ['a.example'] }, httpRoute: { parentRefs: [{ name: 'gateway' }] } } }, /either ingress or httpRoute/],
    ['an Ingress without hosts', { route: { ingress: {} } }, /route\.ingress needs hosts, or nextcloud\.ingressRef/],
    ['ingressRef with an HTTPRoute', { nextcloud: { ...nextcloud, ingressRef: { name: 'nextcloud' } }, route: { httpRoute: { parentRefs: [{ name: 'gateway' }] } } }, /ingressRef makes an Ingress/],
    ['HTTPS from two sources', { http: { tls: { secretName: 'tls', issuerRef: { name: 'ca' } } } }, /either secretName or issuerRef/],
    ['an issuer where TLS is off', { frp: { tls: { enabled: false, issuerRef: { name: 'ca' } } } }, /issuerRef has no use without TLS/],
    ['a node port of a ClusterIP Service', { frp: { service: { nodePort: 30_000 } } }, /nodePort needs type NodePort or LoadBalancer/],
    ['a load balancer address without one', { frp: { service: { loadBalancerIP: '192.0.2.1' } } }, /loadBalancerIP needs type LoadBalancer/],
    ['a time without unit', { timeouts: { server: '30' } }, /spec\.timeouts\.server in body should match/],
    ['a name for the shell to stumble over', { registration: { displayName: '$(reboot)' } }, /spec\.registration\.displayName in body should match/],
    ['two pods, as tunnels end in one process', { replicas: 2 }, /should be less than or equal to 1/],
  ]
  for (const [what, spec, reason] of refused) {
    it(`refuse ${what}, with the reason`, async () => {
      await expect(current().apply(exAppDaemonObject(namespace, 'refused', spec))).rejects.toThrow(reason)
    })
  }

  it('refuse a daemon whose name cannot be that of its Services', async () => {
    await expect(current().apply(exAppDaemonObject(namespace, '1st', {}))).rejects.toThrow(/beginning with a letter, at most 40/)
    await expect(current().apply(exAppDaemonObject(namespace, `a${'b'.repeat(40)}`, {}))).rejects.toThrow(/at most 40/)
  })

  it('accept a daemon with everything in it', async () => {
    const issuerRef = { name: 'ca', kind: 'ClusterIssuer' }
    const spec = {
      nextcloud: { url: 'http://nextcloud.nextcloud.svc/index.php', front: true, ingressRef: { name: 'nextcloud' } },
      sharedKey: { secretRef: { name: 'key', key: 'k', previousKey: 'before' } },
      replicas: 0,
      frp: { service: { type: 'LoadBalancer', loadBalancerIP: '192.0.2.7', externalTrafficPolicy: 'Local', loadBalancerSourceRanges: ['10.0.0.0/8'] }, address: '[2001:db8::1]:7000', tls: { issuerRef, serverNames: ['frp.example.org'], rotateBefore: '10d' }, websocket: 'token', tunnelSharedKey: false },
      http: { service: { type: 'NodePort', nodePort: 30_001 }, tls: { issuerRef } },
      route: { ingress: { className: 'nginx', hosts: ['cloud.example.org'], annotations: { a: 'b' } } },
      security: { trustedProxies: ['10.0.0.0/8'], blacklistCount: 5, blacklistWindow: '60s' },
      session: { lifetime: '5s' },
      timeouts: { connect: '5s', client: '1m', server: '1h', tunnel: '2h' },
      pod: { image: 'registry.example/x@sha256:abc', resources: { limits: { memory: '2Gi' } }, tolerations: [{ operator: 'Exists' }], affinity: {}, nodeSelector: { a: 'b' } },
      registration: { name: 'gpu', displayName: 'GPU host', deployId: 'docker-install', computeDevice: 'cuda', net: 'host' },
      networkPolicy: { enabled: true, monitoringFrom: [{ namespaceSelector: {} }] },
      monitoring: { enabled: true, labels: { release: 'prometheus' } },
    }
    expect(await current().apply(exAppDaemonObject(namespace, 'everything', spec))).toContain('everything created')
  })

  it('keep the port and the daemon of an engine as they are', async () => {
    const { apply } = current()
    await apply(dockerEngineObject(namespace, 'fixed', 'main', { remotePort: 24_005 }))
    await expect(apply(dockerEngineObject(namespace, 'fixed', 'main', { remotePort: 24_006 }))).rejects.toThrow(/remotePort never changes/)
    await expect(apply(dockerEngineObject(namespace, 'fixed', 'other', { remotePort: 24_005 }))).rejects.toThrow(/an engine stays with its daemon/)
    await expect(apply(dockerEngineObject(namespace, 'local', 'main', { remotePort: 24_000 }))).rejects.toThrow(/should be greater than or equal to 24001/)
    await expect(apply(dockerEngineObject(namespace, 'odd', 'main', { socketPath: '/run/$(x).sock' }))).rejects.toThrow(/spec\.socketPath in body should match/)
  })

  it('tell kubectl what they mean', async () => {
    const explained = await current().kubectl('explain', 'exappdaemon.spec.nextcloud')
    expect(explained).toContain('redirects are not followed')
    expect(await current().kubectl('explain', 'dockerengine.spec.remotePort')).toContain('harp_docker_socket_port')
    expect(await current().kubectl('get', 'harpoon', '--namespace', namespace)).toMatch(/dockerengine\.harpoon\.dev\/fixed/)
    expect(await current().kubectl('get', 'ead', '--namespace', namespace)).toMatch(/NAME +READY +ENGINES +REGISTERED +PROBLEM +AGE/)
  })
})
