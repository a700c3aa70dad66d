import { KubeConfig } from '@kubernetes/client-node'
import { pino } from 'pino'
import { Api } from '../../../operator/cluster/api.ts'
import { createOperatorMetrics, type OperatorMetrics } from '../../../operator/metrics.ts'
import { type Operator, startOperator } from '../../../operator/operator.ts'
import type { ProxyStatus } from '../../../proxy/status.ts'
import type { ControlPlane } from './control-plane.ts'

export interface TestOperator extends Operator {
  readonly metrics: OperatorMetrics
  /** Calls to the API server so far, by method. */
  calls(): Promise<Readonly<Record<string, number>>>
}

export interface TestOperatorOptions {
  readonly now?: () => Date
  /** What data planes say, by the address of their pod. */
  readonly readReport?: (podAddress: string) => Promise<ProxyStatus | undefined>
  readonly namespace?: string
}

/** Starts an operator in this process, against that control plane. */
export async function startTestOperator(plane: ControlPlane, { now = () => new Date(), readReport = async () => undefined, namespace }: TestOperatorOptions = {}): Promise<TestOperator> {
  const config = new KubeConfig()
  config.loadFromFile(plane.kubeConfig)
  const metrics = createOperatorMetrics()
  const operator = await startOperator({
    api: new Api(config, (call) => metrics.apiCall(call)),
    log: pino({ level: process.env.OPERATOR_LOG ?? 'silent' }),
    metrics,
    image: 'harpoon-proxy:test',
    namespace: 'harpoon-system',
    watchNamespace: namespace,
    instance: 'test',
    readReport,
    now,
  })
  return Object.assign(Object.create(operator) as Operator, {
    metrics,
    calls: async () => {
      const metric = await metrics.register.getSingleMetric('harpoon_operator_api_calls_total')?.get()
      const counts: Record<string, number> = {}
      for (const { labels, value } of metric?.values ?? []) counts[String(labels['method'])] = (counts[String(labels['method'])] ?? 0) + value
      return counts
    },
  })
}
