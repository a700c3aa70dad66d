import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { loadAll } from 'js-yaml'
import { expect, it } from 'vitest'
import { describeWithPeer } from '../support/describe-with-peer.ts'
import { kubernetes } from '../support/peers/kubernetes.ts'
import { run } from '../support/peers/run.ts'

const root = path.join(import.meta.dirname, '../..')
const chart = path.join(root, 'charts/harpoon')

/** Sets of values that admins use, by what they are for. */
const sets: readonly (readonly [string, readonly string[]])[] = [
  ['the defaults', []],
  ['one namespace', ['--set=scope=namespace']],
  ['a single pod', ['--set=replicas=1']],
  ['definitions that somebody else installs', ['--set=crds.install=false']],
  ['a registry of one’s own', ['--set=image.repository=registry.internal/operator,image.tag=v1,proxyImage.repository=registry.internal/proxy,imagePullSecrets[0].name=pull']],
  ['images by digest', [`--set=image.digest=sha256:${'a'.repeat(64)},proxyImage.digest=sha256:${'b'.repeat(64)}`]],
  ['an account that exists', ['--set=serviceAccount.create=false,serviceAccount.name=mine']],
  ['roles that exist', ['--set=rbac.create=false']],
  ['Prometheus', ['--set=metrics.serviceMonitor.enabled=true,metrics.serviceMonitor.labels.release=prometheus']],
  ['nodes of one’s choice', ['--set=nodeSelector.disk=ssd,tolerations[0].operator=Exists,priorityClassName=system-cluster-critical']],
  ['no policies', ['--set=networkPolicy.enabled=false,podDisruptionBudget.enabled=false']],
  ['labels, annotations and debugging', ['--set=podLabels.team=a,podAnnotations.note=b,serviceAccount.annotations.role=c,logLevel=debug,imagePullPolicy=Always']],
]

/** Values that are refused before anything is installed, with the reason. */
const refused: readonly (readonly [string, string, RegExp])[] = [
  ['a misspelt value', '--set=replica=2', /replica' not allowed|Additional property replica/],
  ['no replicas', '--set=replicas=0', /replicas/],
  ['a scope that is none', '--set=scope=everything', /scope/],
  ['a digest that is none', '--set=image.digest=latest', /digest/],
]

interface Rendered {
  readonly kind: string
  readonly metadata: { readonly name: string; readonly namespace?: string }
}

describeWithPeer('the chart', kubernetes, ({ current }) => {
  const helm = (...args: readonly string[]): Promise<string> => run({ program: current().helm, args, env: { HOME: '/nonexistent' } }, 60_000)
  const template = async (release: string, ...args: readonly string[]): Promise<Rendered[]> =>
    (loadAll(await helm('template', release, chart, '--namespace=harpoon-system', ...args)) as (Rendered | null)[]).filter((object) => object !== null)

  it.each(sets)('is sound with values for %s', async (_what, values) => {
    expect(await helm('lint', '--strict', chart, ...values)).toContain('0 chart(s) failed')
    const objects = await template('harpoon', ...values)
    expect(objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`)).toContain('Deployment harpoon')
  })

  it.each(refused)('is refused with %s', async (_what, value, reason) => {
    await expect(helm('template', 'harpoon', chart, value)).rejects.toThrow(reason)
  })

  it('needs a Role only where it looks at one namespace', async () => {
    const kinds = async (...values: readonly string[]): Promise<readonly string[]> => (await template('harpoon', ...values)).map(({ kind }) => kind)
    expect(await kinds('--set=scope=namespace')).not.toContain('ClusterRole')
    expect(await kinds()).toContain('ClusterRole')
  })

  it('is what manifests/install.yaml holds, without the definitions: otherwise render it again', async () => {
    const rendered = await helm('template', 'harpoon', chart, '--namespace=harpoon-system', '--set=crds.install=false', '--skip-tests', '--no-hooks')
    expect(await readFile(path.join(root, 'manifests/install.yaml'), 'utf8')).toBe(rendered)
  })
})
