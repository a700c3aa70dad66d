import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'

/** What the operator counts. */
export interface OperatorMetrics {
  readonly register: Registry
  apiCall(call: { readonly method: string; readonly status: number }): void
  reconciled(kind: string, outcome: 'done' | 'failed', seconds: number): void
  watchError(kind: string): void
  /** Where numbers are read, when somebody asks. */
  watch(read: { readonly leading: () => boolean; readonly queued: (kind: string) => number; readonly failing: (kind: string) => number; readonly kinds: readonly string[] }): void
}

export function createOperatorMetrics(): OperatorMetrics {
  const register = new Registry()
  const registers = [register]
  collectDefaultMetrics({ register })
  const calls = new Counter({ name: 'harpoon_operator_api_calls_total', help: 'Calls to the API server; status 0 is no answer', labelNames: ['method', 'status'], registers })
  const seconds = new Histogram({
    name: 'harpoon_operator_reconcile_seconds',
    help: 'Duration of reconciles',
    labelNames: ['kind', 'outcome'],
    buckets: [0.005, 0.02, 0.1, 0.5, 2, 10, 60],
    registers,
  })
  const watchErrors = new Counter({ name: 'harpoon_operator_watch_errors_total', help: 'Watches that ended with an error and were begun again', labelNames: ['kind'], registers })
  return {
    register,
    apiCall: ({ method, status }) => calls.inc({ method, status }),
    reconciled: (kind, outcome, duration) => seconds.observe({ kind, outcome }, duration),
    watchError: (kind) => watchErrors.inc({ kind }),
    watch: ({ leading, queued, failing, kinds }) => {
      register.registerMetric(
        new Gauge({
          name: 'harpoon_operator_leading',
          help: '1 where this replica leads',
          registers: [],
          collect() {
            this.set(leading() ? 1 : 0)
          },
        }),
      )
      for (const [name, help, read] of [
        ['harpoon_operator_queue_depth', 'Resources that wait for a reconcile', queued],
        ['harpoon_operator_failing', 'Resources whose last reconcile failed', failing],
      ] as const) {
        register.registerMetric(
          new Gauge({
            name,
            help,
            labelNames: ['kind'],
            registers: [],
            collect() {
              for (const kind of kinds) this.set({ kind }, read(kind))
            },
          }),
        )
      }
    },
  }
}
