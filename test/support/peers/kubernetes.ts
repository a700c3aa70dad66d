import { createHash } from 'node:crypto'
import { readFile, readdir, symlink } from 'node:fs/promises'
import path from 'node:path'
import { cached } from '../cache.ts'
import { announce } from './announce.ts'
import { MissingPeer } from './missing.ts'
import { run } from './run.ts'

/** Programs that live in one executable, `kubebox`, and run under the name they are called by. */
const boxed = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kubelet', 'kube-proxy', 'kubectl'] as const

/** Programs of their own. */
const single = ['helm', 'kubeconform', 'cert-manager-lite', 'coredns-lite', 'pause'] as const

export type KubernetesProgram = (typeof boxed)[number] | (typeof single)[number]

/** Paths of the programs of one Kubernetes release and its companions. */
export type KubernetesPrograms = Readonly<Record<KubernetesProgram, string>>

/** A cold build took seven minutes of two cores that had nothing else to do. */
const BUILD_TIMEOUT_MS = 60 * 60_000

const module = path.join(import.meta.dirname, 'kubernetes')

/**
 * Builds Kubernetes and what goes with it from the Go module proxy, once per machine: in one `go build`, so that what the
 * programs share is compiled once.
 * @throws MissingPeer when Go is not installed
 */
export async function ensureKubernetes(): Promise<KubernetesPrograms> {
  const hash = createHash('sha256').update(await linkerFlags())
  for (const file of (await readdir(module, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile()).sort((one, other) => (one.name < other.name ? -1 : 1))) {
    hash.update(file.name).update(await readFile(path.join(file.parentPath, file.name)))
  }
  const folder = await cached(`kubernetes-${process.platform}-${process.arch}-${hash.digest('hex').slice(0, 12)}`, build)
  return Object.fromEntries([...boxed, ...single].map((program) => [program, path.join(folder, program)])) as KubernetesPrograms
}

/** For `describeWithPeer`. */
export const kubernetes = { name: 'Kubernetes', ensure: ensureKubernetes }

async function build(folder: string): Promise<void> {
  announce('building Kubernetes, helm and cert-manager from their Go sources (once, takes ten minutes)')
  const packages = ['./cmd/...', 'helm.sh/helm/v3/cmd/helm', 'github.com/yannh/kubeconform/cmd/kubeconform']
  const args = ['build', '-buildvcs=false', '-mod=readonly', '-trimpath', `-ldflags=${await linkerFlags()}`, '-o', `${folder}${path.sep}`, ...packages]
  try {
    // The whole environment, as that is where the user's Go proxy and caches are named.
    await run({ program: 'go', args, cwd: module, env: { ...process.env, CGO_ENABLED: '0', GOWORK: 'off' } }, BUILD_TIMEOUT_MS)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
      throw new MissingPeer('Kubernetes', 'it is built from source; install Go 1.25 or newer', { cause: error })
    }
    throw error
  }
  for (const program of boxed) await symlink('kubebox', path.join(folder, program))
}

/** Without a version the API server calls itself v0.0.0, which charts' `kubeVersion` and kubectl's skew check refuse. */
async function linkerFlags(): Promise<string> {
  const goMod = await readFile(path.join(module, 'go.mod'), 'utf8')
  const versionOf = (name: string): string => new RegExp(`^\\s*${name.replaceAll('.', '\\.')} (v\\S+)`, 'm').exec(goMod)?.[1] ?? ''
  const version = versionOf('k8s.io/kubernetes')
  const [, major = '', minor = ''] = /^v(\d+)\.(\d+)/.exec(version) ?? []
  const facts = { gitVersion: version, gitMajor: major, gitMinor: minor, gitTreeState: 'clean' }
  const flags = ['k8s.io/component-base/version', 'k8s.io/client-go/pkg/version'].flatMap((name) =>
    Object.entries(facts).map(([fact, value]) => `-X ${name}.${fact}=${value}`),
  )
  // Helm compares a chart's `kubeVersion` with this when there is no cluster to ask.
  flags.push(...['lint/rules', 'chartutil'].flatMap((name) => [`-X helm.sh/helm/v3/pkg/${name}.k8sVersionMajor=${major}`, `-X helm.sh/helm/v3/pkg/${name}.k8sVersionMinor=${minor}`]))
  return ['-s -w', ...flags, `-X helm.sh/helm/v3/internal/version.version=${versionOf('helm.sh/helm/v3')}`].join(' ')
}
