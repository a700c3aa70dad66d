import { Counter, Histogram, type Registry } from 'prom-client'

/** Seconds; from an inspect to the longest wait for a start. */
const buckets = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120]

export interface DockerMetrics {
  /** One finished call; the outcome is `ok` or that of the error it ended with. */
  call(endpoint: string, outcome: string, seconds: number): void
  /** What became of one ExApp's certificates. */
  renewal(outcome: 'renewed' | 'failed'): void
}

export function createDockerMetrics(register: Registry): DockerMetrics {
  const registers = [register]
  const calls = new Counter({ name: 'harpoon_docker_calls_total', help: "AppAPI's calls of /docker/exapp by endpoint and outcome", labelNames: ['endpoint', 'outcome'], registers })
  const duration = new Histogram({ name: 'harpoon_docker_call_duration_seconds', help: "Duration of AppAPI's calls of /docker/exapp", labelNames: ['endpoint'], buckets, registers })
  const renewals = new Counter({ name: 'harpoon_exapp_certificate_renewals_total', help: 'Tunnel certificates of ExApps that were to be renewed, by outcome', labelNames: ['outcome'], registers })
  return {
    call(endpoint, outcome, seconds) {
      calls.inc({ endpoint, outcome })
      duration.observe({ endpoint }, seconds)
    },
    renewal: (outcome) => renewals.inc({ outcome }),
  }
}
