import { z } from 'zod'

/** The values of the chart: the one source of values.yaml, values.schema.json and the table in docs/helm-values.md. */

const text = z.string()
const map = z.record(z.string(), z.string())
/** A piece of one of Kubernetes' own types, which the API server judges. */
const anyObject = z.record(z.string(), z.any())
const anyList = z.array(anyObject)

const image = (repository: string, what: string) =>
  z
    .strictObject({
      repository: text.min(1).default(repository).describe(`Image of ${what}.`),
      tag: text.default('').describe("Its tag; the chart's appVersion when empty."),
      digest: text.regex(/^(sha256:[0-9a-f]{64})?$/).default('').describe('Its digest, in place of the tag.'),
    })
    .prefault({})

export const valuesSchema = z.strictObject({
  image: image('ghcr.io/harpoon/harpoon-operator', 'the operator'),
  proxyImage: image('ghcr.io/harpoon/harpoon-proxy', 'the data planes that the operator starts'),
  imagePullPolicy: z.enum(['', 'Always', 'IfNotPresent', 'Never']).default('').describe("Pull policy of the operator's image."),
  imagePullSecrets: z.array(z.strictObject({ name: text.min(1) })).default([]).describe("Pull secrets of the operator's image. Those of data planes stand in each ExAppDaemon."),
  replicas: z.int().min(1).max(5).default(2).describe('Pods of the operator. One leads; another takes over within seconds when it is gone.'),
  scope: z.enum(['cluster', 'namespace']).default('cluster').describe("Where resources are looked for: in all namespaces, or in the release's only (then a Role is enough)."),
  crds: z
    .strictObject({
      install: z.boolean().default(true).describe('Install and upgrade the definitions with the release. Off: apply manifests/crds.yaml yourself, before the release.'),
    })
    .prefault({}),
  logLevel: z.enum(['debug', 'info', 'warning', 'error']).default('info').describe("The operator's log level."),
  resources: anyObject.default({ requests: { cpu: '20m', memory: '96Mi' }, limits: { memory: '512Mi' } }).describe('Requests and limits of the operator.'),
  serviceAccount: z
    .strictObject({
      create: z.boolean().default(true).describe('Make the ServiceAccount.'),
      name: text.default('').describe("Its name; the release's when empty."),
      annotations: map.default({}).describe('Its annotations.'),
    })
    .prefault({}),
  rbac: z.strictObject({ create: z.boolean().default(true).describe('Make the roles and their bindings.') }).prefault({}),
  podAnnotations: map.default({}).describe("Annotations of the operator's pods."),
  podLabels: map.default({}).describe("Labels of the operator's pods."),
  nodeSelector: map.default({}).describe("Node selector of the operator's pods."),
  tolerations: anyList.default([]).describe("Tolerations of the operator's pods."),
  affinity: anyObject.default({}).describe("Affinity of the operator's pods."),
  priorityClassName: text.default('').describe("Priority class of the operator's pods."),
  podDisruptionBudget: z.strictObject({ enabled: z.boolean().default(true).describe('Keep one pod of the operator while nodes are drained; only with two or more.') }).prefault({}),
  networkPolicy: z.strictObject({ enabled: z.boolean().default(true).describe("Close all ports of the operator's pods but health and metrics.") }).prefault({}),
  metrics: z
    .strictObject({
      serviceMonitor: z
        .strictObject({
          enabled: z.boolean().default(false).describe("Make a ServiceMonitor for the operator's metrics (needs the Prometheus operator)."),
          interval: text.default('30s').describe('How often metrics are read.'),
          labels: map.default({}).describe('Labels that your Prometheus selects ServiceMonitors by.'),
        })
        .prefault({}),
    })
    .prefault({}),
})

export type Values = z.output<typeof valuesSchema>
