import { readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { load } from 'js-yaml'
import { describe, expect, it } from 'vitest'
import { readConfig } from '../../proxy/config.ts'
import type { KubernetesObject } from '../cluster/resources.ts'
import { nextCredentials } from './credentials.ts'
import { type Credentials, desiredObjects } from './desired.ts'
import type { DaemonView } from './observe.ts'
import { daemonView } from './view.fixture.ts'

const operator = { image: 'registry.example/harpoon-proxy:1', namespace: 'harpoon-system', instance: 'test' }
const now = new Date('2026-11-21T12:00:00Z')
/** PEM texts do not matter to the objects around them. */
const frpFiles = { 'ca.crt': 'ca', 'server.crt': 'cert', 'server.key': 'key', 'client.crt': 'cert', 'client.key': 'key' }
const credentials: Credentials = { generatedKey: 'k', keys: { current: 'k', previous: undefined }, authority: undefined, frpFiles, https: undefined }

const desired = (view: DaemonView, given: Partial<Credentials> = {}): readonly KubernetesObject[] => desiredObjects(view, { ...credentials, ...given }, operator)
const named = (objects: readonly KubernetesObject[], kind: string, name: string): KubernetesObject => {
  const found = objects.find((object) => object.kind === kind && object.metadata.name === name)
  if (!found) throw new Error(`no ${kind} ${name} among ${objects.map((object) => `${object.kind} ${object.metadata.name}`).join(', ')}`)
  return found
}

describe('what a daemon consists of', () => {
  it('is what was written by hand', () => {
    const objects = desired(daemonView({}, { enginePorts: [{ name: 'gpu', port: 24_001, uid: 'e7d9bc8b-4271-43e8-ac76-013a05a314f2' }] })).filter(({ kind }) => kind !== 'Secret')
    expect(objects).toEqual(load(readFileSync(path.join(import.meta.dirname, 'expected/smallest.yaml'), 'utf8')))
  })

  it('lets the data plane read its settings, whatever the spec says', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'harpoon-config-'))
    try {
      const spec = {
        nextcloud: { url: 'http://nextcloud.nextcloud.svc/index.php', front: true },
        frp: { websocket: 'token', tunnelSharedKey: false, tls: { enabled: false } },
        security: { trustedProxies: ['10.0.0.0/8', 'fd00::/8'], blacklistCount: 3, blacklistWindow: '2m' },
        session: { lifetime: '500ms' },
        timeouts: { connect: '5s', client: '1m', server: '1h', tunnel: '1d' },
        pod: { logLevel: 'debug' },
      }
      const config = named(desired(daemonView(spec, { enginePorts: [{ name: 'gpu', port: 24_001, uid: 'one' }] })), 'ConfigMap', 'main-config')
      const file = path.join(folder, 'config.yaml')
      const keyFile = path.join(folder, 'key')
      await writeFile(keyFile, 'a key')
      const text = (config['data'] as Record<string, string>)['config.yaml'] ?? ''
      await writeFile(file, text.replace('/run/secrets/harpoon/sharedKey', keyFile))
      const read = readConfig({ HARPOON_CONFIG: file })
      expect(read).toMatchObject({
        front: true,
        frpTls: false,
        frpWebsocket: 'token',
        engines: [{ name: 'gpu', port: 24_001, generation: 'one' }],
        tunnelSharedKey: false,
        sharedKeys: ['a key'],
        logLevel: 'debug',
        sessionLifetimeMs: 500,
        bans: { count: 3, windowMs: 120_000 },
        timeouts: { connectMs: 5_000, clientMs: 60_000, serverMs: 3_600_000, tunnelMs: 86_400_000, stopMs: 25_000 },
      })
      expect(read.nextcloudUrl.href).toBe('http://nextcloud.nextcloud.svc/')
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  it('has no pods before there is a key, nor before there are certificates', () => {
    const kinds = (given: Partial<Credentials>): readonly string[] => desired(daemonView(), given).map(({ kind }) => kind)
    expect(kinds({ keys: undefined })).not.toContain('Deployment')
    expect(kinds({ frpFiles: undefined })).not.toContain('Deployment')
    expect(desired(daemonView({ frp: { tls: { enabled: false } } }), { frpFiles: undefined }).map(({ kind }) => kind)).toContain('Deployment')
  })

  it("copies host, class and TLS of Nextcloud's Ingress, and never rewrites a path", () => {
    const nextcloudIngress: KubernetesObject = {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'Ingress',
      metadata: { name: 'nextcloud', namespace: 'nextcloud', annotations: { 'nginx.ingress.kubernetes.io/rewrite-target': '/$1' } },
      spec: { ingressClassName: 'nginx', rules: [{ host: 'cloud.example.org' }], tls: [{ hosts: ['cloud.example.org'], secretName: 'cloud-tls' }] },
    }
    const view = daemonView({ nextcloud: { url: 'https://cloud.example.org', ingressRef: { name: 'nextcloud' } }, timeouts: { server: '10m' } }, { nextcloudIngress })
    const ingress = named(desired(view), 'Ingress', 'main-exapps')
    expect(ingress['spec']).toEqual({
      ingressClassName: 'nginx',
      tls: [{ hosts: ['cloud.example.org'], secretName: 'cloud-tls' }],
      rules: [
        {
          host: 'cloud.example.org',
          http: { paths: [{ path: '/exapps/', pathType: 'Prefix', backend: { service: { name: 'main', port: { name: 'http' } } } }] },
        },
      ],
    })
    expect(ingress.metadata.annotations).toEqual({
      'nginx.ingress.kubernetes.io/proxy-body-size': '0',
      'nginx.ingress.kubernetes.io/proxy-request-buffering': 'off',
      'nginx.ingress.kubernetes.io/proxy-buffering': 'off',
      'nginx.ingress.kubernetes.io/proxy-read-timeout': '600',
      'nginx.ingress.kubernetes.io/proxy-send-timeout': '600',
      'nginx.ingress.kubernetes.io/proxy-http-version': '1.1',
    })
  })

  it('has an HTTPRoute for a Gateway, without a limit for long answers', () => {
    const route = named(desired(daemonView({ route: { httpRoute: { parentRefs: [{ name: 'gateway' }], hostnames: ['cloud.example.org'] } } })), 'HTTPRoute', 'main-exapps')
    expect(route['spec']).toEqual({
      parentRefs: [{ name: 'gateway' }],
      hostnames: ['cloud.example.org'],
      rules: [
        { matches: [{ path: { type: 'PathPrefix', value: '/exapps' } }], backendRefs: [{ name: 'main', port: 8780 }], timeouts: { request: '0s', backendRequest: '0s' } },
      ],
    })
  })
})

describe('the secrets of a daemon', () => {
  it('are made once and then kept', async () => {
    const first = await nextCredentials(daemonView(), now)
    expect(first.keys?.current).toMatch(/^[A-Za-z0-9_-]{43}$/)
    const stored = daemonView({}, {
      givenKey: { sharedKey: first.generatedKey ?? '' },
      keysInUse: { sharedKey: first.keys?.current ?? '' },
      authority: { rotation: '', entries: { 'ca.key': first.authority?.authority.keyPem ?? '', 'ca.crt': first.authority?.authority.certPem ?? '' } },
      frpFiles: first.frpFiles ?? {},
    })
    expect(await nextCredentials(stored, now)).toEqual(first)
  })

  it('keep the key before valid when the admin changes the key, until it is changed again', async () => {
    const spec = { sharedKey: { secretRef: { name: 'given', key: 'k' } }, frp: { tls: { enabled: false } } }
    const keys = async (given: string, inUse: Record<string, string>) => (await nextCredentials(daemonView(spec, { givenKey: { k: given }, keysInUse: inUse }), now)).keys
    expect(await keys('one\n', {})).toEqual({ current: 'one', previous: undefined })
    expect(await keys('two', { sharedKey: 'one' })).toEqual({ current: 'two', previous: 'one' })
    expect(await keys('two', { sharedKey: 'two', previousSharedKey: 'one' })).toEqual({ current: 'two', previous: 'one' })
    expect(await keys('three', { sharedKey: 'two', previousSharedKey: 'one' })).toEqual({ current: 'three', previous: 'two' })
    expect(await keys('', {})).toBeUndefined()
  })
})
