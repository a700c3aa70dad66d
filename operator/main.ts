import { randomUUID } from 'node:crypto'
import { isatty } from 'node:tty'
import { KubeConfig } from '@kubernetes/client-node'
import { startAdminServer } from '../proxy/admin.ts'
import type { Check } from '../proxy/health.ts'
import { createLog } from '../proxy/log.ts'
import { Api } from './cluster/api.ts'
import { Cluster } from './cluster/cluster.ts'
import { OperatorConfigError, readOperatorConfig } from './config.ts'
import { createReportReader } from './dataplane-report.ts'
import { LeaderElection } from './loop/leader.ts'
import { createOperatorMetrics } from './metrics.ts'
import { type Operator, startOperator } from './operator.ts'

/** Probes and a Prometheus or two; whoever opens more is turned away. */
const MAX_ADMIN_CONNECTIONS = 64

/** Reads the settings, takes part in the election, reconciles while it leads, and stops in order at TERM or INT. */
async function main(): Promise<void> {
  const config = readOperatorConfig()
  const log = createLog(config.logLevel, isatty(1))
  const metrics = createOperatorMetrics()
  const kubeConfig = new KubeConfig()
  kubeConfig.loadFromDefault()
  const api = new Api(kubeConfig, (call) => metrics.apiCall(call))
  const reports = createReportReader()
  let operator: Operator | undefined

  const election = new LeaderElection({
    cluster: new Cluster(api),
    lease: { namespace: config.namespace, name: 'harpoon-operator' },
    identity: `${config.podName}_${randomUUID()}`,
    now: () => new Date(),
    uptime: () => performance.now(),
    lead: async () => {
      log.info('leading')
      operator = await startOperator({
        api,
        log,
        metrics,
        image: config.proxyImage,
        namespace: config.namespace,
        watchNamespace: config.watchNamespace,
        instance: config.podName,
        readReport: (podAddress) => reports.read(podAddress),
        now: () => new Date(),
      })
      return {
        close: async () => {
          log.info('leading no longer')
          await operator?.close()
          operator = undefined
        },
      }
    },
    onError: (error) => log.warn({ reason: error instanceof Error ? error.message : 'unknown' }, 'the lease could not be read or written'),
  })

  const kinds = ['ExAppDaemon', 'DockerEngine']
  metrics.watch({ kinds, leading: () => election.isLeading, queued: (kind) => operator?.queued(kind) ?? 0, failing: (kind) => operator?.failing(kind) ?? 0 })
  const checks: readonly Check[] = [
    // A replica that does not lead is ready to: rollouts wait for it.
    { name: 'watches', gating: true, problem: () => (operator && !operator.isWatching ? 'the API server is not being followed' : undefined) },
  ]
  const admin = await startAdminServer({ listen: config.admin, checks, register: metrics.register, maxConnections: MAX_ADMIN_CONNECTIONS, onLimit: () => {} })
  log.info({ port: admin.port, namespace: config.watchNamespace ?? 'all' }, 'Harpoon operator is ready')

  const stop = (): void => {
    election
      .close()
      .then(() => Promise.all([admin.close(), reports.close()]))
      .then(() => process.exit(0))
      .catch((error: unknown) => {
        log.error({ err: error }, 'stopping failed')
        process.exit(1)
      })
  }
  process.once('SIGTERM', stop).once('SIGINT', stop)
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof OperatorConfigError ? error.message : `Harpoon's operator cannot start: ${error instanceof Error ? error.message : String(error)}`}\n`)
  process.exit(1)
})
