import { KubeConfig } from '@kubernetes/client-node'
import { Api } from './cluster/api.ts'
import { Cluster } from './cluster/cluster.ts'
import { resources } from './cluster/resources.ts'

/** What `helm test` runs in a pod: an operator is ready, and its kinds can be read with its rights. Exits with 1 and the reason otherwise. */
async function main(): Promise<void> {
  const { HARPOON_TEST_URL: url = '', HARPOON_TEST_NAMESPACE: namespace = 'default' } = process.env
  const response = await fetch(url, { signal: AbortSignal.timeout(10_000) })
  if (!response.ok) throw new Error(`the operator is not ready: ${await response.text()}`)
  const config = new KubeConfig()
  config.loadFromDefault()
  const cluster = new Cluster(new Api(config))
  for (const type of [resources.exAppDaemon, resources.dockerEngine]) {
    const { items } = await cluster.list(type, { namespace })
    process.stdout.write(`${type.kind}: ${items.length}\n`)
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exit(1)
})
