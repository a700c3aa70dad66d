/** Tells on the terminal what happens: our own words flush left, the data plane's log indented below. */
export interface Narrator {
  say(line: string): void
  /** Takes what the data plane logged; JSON lines are shown as level, message and the facts that matter. */
  log(line: string): void
}

// Facts of a log line that explain a decision; the rest is for machines.
const shownFacts = ['method', 'path', 'status', 'app', 'outcome', 'client', 'name', 'port', 'failures', 'reason', 'ms']

/** pino's level numbers; a data plane that writes names needs no table. */
const levelNames = new Map([
  [20, 'debug'],
  [30, 'info'],
  [40, 'warning'],
  [50, 'error'],
  [60, 'fatal'],
])

export function createNarrator(print: (line: string) => void): Narrator {
  return {
    say: print,
    log: (line) => print(`    │ ${readable(line)}`),
  }
}

function readable(line: string): string {
  const entry = parsed(line)
  if (!entry) return line
  const level = levelNames.get(Number(entry['level'])) ?? shown(entry['level'])
  const facts = shownFacts.filter((name) => entry[name] !== undefined).map((name) => `${name}=${shown(entry[name])}`)
  return [level.padEnd(7), shown(entry['msg']), ...facts].join(' ')
}

function shown(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '')
}

function parsed(line: string): Readonly<Record<string, unknown>> | undefined {
  if (!line.startsWith('{')) return undefined
  try {
    return JSON.parse(line) as Readonly<Record<string, unknown>>
  } catch {
    return undefined // A line that only looks like JSON is shown as it is.
  }
}
