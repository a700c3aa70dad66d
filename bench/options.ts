import { parseArgs } from 'node:util'

/** What the command line asks for. */
export interface BenchOptions {
  /** Names of the rows to measure; undefined: all, or with `--quick` those that are quick. */
  readonly rows: readonly string[] | undefined
  readonly rounds: number
  /** How long one measurement runs under load. */
  readonly seconds: number
  /** Where the raw runs go; undefined: a file named after the date. */
  readonly json: string | undefined
  /** How long the ExApp computes for each page; 0: the core of the servers is what limits a run, not the ExApp's. */
  readonly exAppMicroseconds: number
  /** Few rows, one round, short: to see whether a change made things worse. */
  readonly quick: boolean
}

// Fewer than 3 rounds have no median; below 5 s one collection of garbage more or less shows.
const defaults = { rounds: '3', seconds: '5' }
const quickDefaults = { rounds: '1', seconds: '2' }

export const usage = 'usage: npm run bench -- [--quick] [--rows name,…] [--rounds N] [--seconds N] [--exapp-us N] [--json FILE]'

/** Reads the command line; a text says what is wrong with it. */
export function readOptions(args: readonly string[], rowNames: readonly string[]): BenchOptions | string {
  const text = { type: 'string' } as const
  try {
    const { values } = parseArgs({ args: [...args], options: { rows: text, rounds: text, seconds: text, json: text, 'exapp-us': text, quick: { type: 'boolean' } } })
    const { quick = false, rows: wanted, rounds, seconds, json, 'exapp-us': exAppMicroseconds = '0' } = { ...(values.quick ? quickDefaults : defaults), ...values }
    const rows = wanted?.split(',').filter(Boolean)
    const unknown = rows?.filter((name) => !rowNames.includes(name)) ?? []
    if (unknown.length > 0) return `no row is named ${unknown.join(', ')}; there are: ${rowNames.join(', ')}\n${usage}`
    if (!/^[1-9]\d?$/.test(rounds)) return `--rounds ${rounds} is not a number from 1 to 99\n${usage}`
    if (!/^[1-9]\d{0,2}$/.test(seconds)) return `--seconds ${seconds} is not a number from 1 to 999\n${usage}`
    if (!/^\d{1,5}$/.test(exAppMicroseconds)) return `--exapp-us ${exAppMicroseconds} is not a number from 0 to 99999\n${usage}`
    return { rows, rounds: Number(rounds), seconds: Number(seconds), json, exAppMicroseconds: Number(exAppMicroseconds), quick }
  } catch (error) {
    return `${error instanceof Error ? error.message : String(error)}\n${usage}`
  }
}
