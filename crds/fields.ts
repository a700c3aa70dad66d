import { z } from 'zod'

/** The kinds of fields that our resources have. Descriptions are what `kubectl explain` prints. */

/** What zod does not know and the API server understands. */
interface StructuralExtensions {
  /** Rules over the whole value, written in CEL (Kubernetes: validation rules). */
  readonly 'x-kubernetes-validations'?: readonly CelRule[]
  /** Fields of other people's types pass through; the API server judges them where they are used. */
  readonly 'x-kubernetes-preserve-unknown-fields'?: true
  readonly 'x-kubernetes-list-type'?: 'atomic' | 'map' | 'set'
  readonly 'x-kubernetes-list-map-keys'?: readonly string[]
  readonly 'x-kubernetes-map-type'?: 'atomic'
}

export interface CelRule {
  readonly rule: string
  readonly message: string
}

/** Extensions in the form that zod writes into a JSON schema as they are. */
export const structural = (extensions: StructuralExtensions): Record<string, unknown> => ({ ...extensions })

/** Rules that a value has to keep, beside its type. */
export const rules = (...all: readonly CelRule[]): Record<string, unknown> => structural({ 'x-kubernetes-validations': all })

/** The name of an object (RFC 1123 subdomain). */
export const objectName = z.string().min(1).max(253).regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/)

/** A key of a Secret or ConfigMap. */
export const dataKey = z.string().min(1).max(253).regex(/^[-._a-zA-Z0-9]+$/)

/** A DNS name, with a wildcard as its first label or without. */
export const hostName = z.string().min(1).max(253).regex(/^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/)

/** A time as the data plane takes it, with its unit; `0s` is no limit. */
export const duration = z.string().max(16).regex(/^\d{1,12}(ms|s|m|h|d)$/)

export const port = z.int().min(1).max(65_535)

/** Annotations or labels to add to an object. */
export const textMap = z.record(z.string(), z.string())

/** A list of distinct texts. */
export const textSet = (item: z.ZodType<string, string>, max: number): z.ZodArray<z.ZodType<string, string>> =>
  z.array(item).max(max).meta(structural({ 'x-kubernetes-list-type': 'set' }))

/** A piece of one of Kubernetes' own types, which is taken over unread. */
export const kubernetesObject = z.looseObject({}).meta(structural({ 'x-kubernetes-preserve-unknown-fields': true }))

/** A list of pieces of one of Kubernetes' own types. */
export const kubernetesList = (max: number): z.ZodArray<typeof kubernetesObject> =>
  z.array(kubernetesObject).max(max).meta(structural({ 'x-kubernetes-list-type': 'atomic' }))

/** One condition, as `kubectl wait` and others read it (Kubernetes API conventions). */
const condition = z.object({
  type: z.string().min(1).max(316).describe('What is judged.'),
  status: z.enum(['True', 'False', 'Unknown']).describe('Whether it holds.'),
  reason: z.string().min(1).max(1024).describe('The reason in one word, for programs.'),
  message: z.string().max(32_768).describe('The reason in words, and what to do about it.'),
  lastTransitionTime: z.string().meta({ format: 'date-time' }).describe('When the status changed last.'),
  observedGeneration: z.int().min(0).optional().describe('The generation of the resource that was judged.'),
})

export type Condition = Readonly<z.output<typeof condition>>

/** The conditions of a resource, one per type. */
export const conditions = z
  .array(condition)
  .max(32)
  .meta(structural({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['type'] }))
  .describe('What holds and what does not, with reasons.')
