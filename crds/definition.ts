import { z } from 'zod'

/** The API group of all our resources. */
export const apiGroup = 'harpoon.dev'

/** Its only version so far. */
export const apiVersion = `${apiGroup}/v1alpha1`

/** A column of `kubectl get`. */
export interface PrinterColumn {
  readonly name: string
  readonly type: 'string' | 'integer' | 'date'
  readonly jsonPath: string
  readonly description?: string
  /** Shown only with `-o wide`. */
  readonly wide?: boolean
}

/** All that tells one kind of resource from another. */
export interface Kind {
  readonly kind: string
  readonly plural: string
  readonly shortNames: readonly string[]
  readonly description: string
  readonly spec: z.ZodObject
  readonly status: z.ZodObject
  readonly columns: readonly PrinterColumn[]
  /** Rules over spec, status and name together. */
  readonly rules?: readonly { readonly rule: string; readonly message: string }[]
}

type Schema = Readonly<Record<string, unknown>>

/** The CustomResourceDefinition of a kind, built from the zod schemas that both programs read it with. */
export function customResourceDefinition(kind: Kind): Schema {
  const { plural, shortNames, description, columns } = kind
  const schema = {
    description,
    type: 'object',
    required: ['spec'],
    properties: {
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      metadata: { type: 'object' },
      spec: structuralSchema(kind.spec),
      status: structuralSchema(kind.status),
    },
    ...(kind.rules && { 'x-kubernetes-validations': kind.rules }),
  }
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${apiGroup}` },
    spec: {
      group: apiGroup,
      scope: 'Namespaced',
      names: { kind: kind.kind, listKind: `${kind.kind}List`, plural, singular: kind.kind.toLowerCase(), shortNames, categories: ['harpoon', 'nextcloud'] },
      versions: [
        {
          name: 'v1alpha1',
          served: true,
          storage: true,
          subresources: { status: {} },
          additionalPrinterColumns: columns.map(({ wide, ...column }) => ({ ...column, ...(wide && { priority: 1 }) })),
          schema: { openAPIV3Schema: schema },
        },
      ],
    },
  }
}

/** The schema in the dialect of the API server: what is absent in zod's output is what "structural" forbids. */
function structuralSchema(schema: z.ZodObject): Schema {
  return z.toJSONSchema(schema, { target: 'openapi-3.0', io: 'input', reused: 'inline', override: ({ jsonSchema }) => toStructural(jsonSchema) })
}

/** Loose objects come with an empty `additionalProperties`, which would contradict the extension that keeps their fields. */
function toStructural(schema: Record<string, unknown>): void {
  if (schema['x-kubernetes-preserve-unknown-fields'] !== true) return
  delete schema['additionalProperties']
  delete schema['properties']
}
