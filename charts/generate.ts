import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { dump } from 'js-yaml'
import { z } from 'zod'
import { definitionYaml, kinds } from '../crds/generate.ts'
import { valuesSchema } from './values.ts'

/** Files that are generated, by their path in the repository. */
export function generatedFiles(): ReadonlyMap<string, string> {
  const definitions = kinds.map((kind) => definitionYaml(kind))
  return new Map([
    ['charts/harpoon/values.yaml', valuesYaml()],
    ['charts/harpoon/values.schema.json', `${JSON.stringify(valuesJsonSchema(), undefined, 2)}\n`],
    ['charts/harpoon/files/crds.yaml', definitions.join('---\n')],
    ['manifests/crds.yaml', definitions.join('---\n')],
    ['docs/helm-values.md', valuesTable()],
  ])
}

/** What Helm checks values against: draft 7 is what it knows. Helm adds `global` to the values of every chart. */
function valuesJsonSchema(): Record<string, unknown> {
  const schema = z.toJSONSchema(valuesSchema, { target: 'draft-7', io: 'input', reused: 'inline' })
  return { ...schema, properties: { global: { type: 'object' }, ...schema.properties } }
}

interface Node {
  readonly description?: string
  readonly default?: unknown
  readonly properties?: Readonly<Record<string, Node>>
}

const rootNode = (): Node => z.toJSONSchema(valuesSchema, { target: 'draft-7', io: 'input', reused: 'inline' }) as Node

/** The defaults with what they mean above them. */
function valuesYaml(): string {
  return ['# Generated from charts/values.ts by `npm run generate`.', ...yamlLines(rootNode(), valuesSchema.parse({}), '')].join('\n').concat('\n')
}

function yamlLines(node: Node, value: unknown, indent: string): readonly string[] {
  const fields: ReadonlyMap<string, unknown> = new Map(Object.entries(value ?? {}))
  return Object.entries(node.properties ?? {}).flatMap(([name, field]) => {
    const comment = field.description === undefined ? [] : [`${indent}# ${field.description}`]
    if (field.properties && field.description === undefined) return [`${indent}${name}:`, ...yamlLines(field, fields.get(name), `${indent}  `)]
    return [...comment, ...dump({ [name]: fields.get(name) }, { flowLevel: isEmpty(fields.get(name)) ? 0 : -1 }).trimEnd().split('\n').map((line) => indent + line.replace(/^\{(.*)\}$/, '$1'))]
  })
}

const isEmpty = (value: unknown): boolean => typeof value === 'object' && value !== null && Object.keys(value).length === 0

function valuesTable(): string {
  const rows = tableRows(rootNode(), valuesSchema.parse({}), '')
  return ['# Values of the Helm chart', '', '<!-- Generated from charts/values.ts by `npm run generate`. -->', '', '| Value | Default | Meaning |', '|---|---|---|', ...rows, ''].join('\n')
}

function tableRows(node: Node, value: unknown, prefix: string): readonly string[] {
  const fields: ReadonlyMap<string, unknown> = new Map(Object.entries(value ?? {}))
  return Object.entries(node.properties ?? {}).flatMap(([name, field]) => {
    if (field.properties && field.description === undefined) return tableRows(field, fields.get(name), `${prefix}${name}.`)
    return [`| \`${prefix}${name}\` | \`${JSON.stringify(fields.get(name))}\` | ${field.description ?? ''} |`]
  })
}

if (import.meta.main) {
  for (const [file, content] of generatedFiles()) writeFileSync(path.join(import.meta.dirname, '..', file), content)
}
