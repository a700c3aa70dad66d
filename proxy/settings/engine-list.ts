import { z } from 'zod'
import { ENGINE_PORTS, isEnginePort, type ListedEngine } from '../tunnel/engine-list.ts'
import { isTokenGeneration, isTokenName } from '../tunnel/tokens.ts'
import type { Mapping } from './config-file.ts'

const accepted =
  `name:port or name:port:generation, separated by commas, or in the file a list of {name, port, generation}; names of A-Z a-z 0-9 _ . -, ` +
  `ports ${ENGINE_PORTS.first} to ${ENGINE_PORTS.last}, no name and no port twice`

const known: ReadonlySet<string> = new Set(['name', 'port', 'generation'])

/** An entry as it was written, for messages too. */
interface Written {
  readonly text: string
  readonly name: string
  readonly port: string
  readonly generation: string
  readonly unknown: readonly string[]
}

/** The setting that lists the engines: a text, or from the settings file a list of mappings. Undefined: no list. */
export const engineList: z.ZodType<readonly ListedEngine[] | undefined, string | readonly Mapping[] | undefined> = z
  .union([z.string(), z.array(z.record(z.string(), z.string()))])
  .transform((written, context) => {
    const entries = typeof written === 'string' ? entriesOfText(written) : written.map(entryOfMapping)
    const problems = entries.flatMap((entry, index) => problemsOf(entry, entries.slice(0, index)).map((problem) => `entry ${index + 1} (${entry.text}) ${problem}`))
    for (const problem of problems) context.addIssue({ code: 'custom', message: `${problem}; accepted: ${accepted}` })
    return problems.length > 0 ? z.NEVER : entries.map(({ name, port, generation }) => ({ name, port: Number(port), generation }))
  })
  .optional()

function entriesOfText(text: string): Written[] {
  const entries = text.split(',').map((entry) => entry.trim())
  return entries.filter((entry) => entry !== '').map((entry) => {
    const [name = '', port = '', generation, ...unknown] = entry.split(':')
    return { text: entry, name, port, generation: generation ?? '', unknown: generation === '' ? ['an empty generation'] : unknown }
  })
}

function entryOfMapping(mapping: Mapping): Written {
  const { name = '', port = '', generation = '' } = mapping
  const unknown = Object.keys(mapping).filter((key) => !known.has(key))
  return { text: Object.entries(mapping).map(([key, value]) => `${key}: ${value}`).join(', '), name, port, generation, unknown }
}

function problemsOf({ name, port, generation, unknown }: Written, earlier: readonly Written[]): string[] {
  const checks: readonly (readonly [isWrong: boolean, problem: string])[] = [
    [!isTokenName(name), 'has no usable name'],
    [!/^\d{5}$/.test(port) || !isEnginePort(Number(port)), `has no port from ${ENGINE_PORTS.first} to ${ENGINE_PORTS.last}`],
    [generation !== '' && !isTokenGeneration(generation), 'has a generation that is no word of at most 64 letters, digits, _ and -'],
    [unknown.length > 0, `has more than name, port and generation: ${unknown.join(', ')}`],
    [earlier.some((other) => other.name === name), 'repeats a name'],
    [earlier.some((other) => other.port === port), 'repeats a port'],
  ]
  return checks.filter(([isWrong]) => isWrong).map(([, problem]) => problem)
}
