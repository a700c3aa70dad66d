import { parseArgs } from 'node:util'

/** What the command line asks for. */
export interface DemoOptions {
  /** Walk through the demo with a client and exit, instead of waiting for a browser. */
  readonly check: boolean
  /** The port of the one URL; undefined: any that is free. */
  readonly port: number | undefined
}

/** Reads the command line; a text says what is wrong with it. */
export function readOptions(args: readonly string[]): DemoOptions | string {
  const usage = 'usage: npm run demo -- [--check] [--port <1-65535>]'
  try {
    const { values } = parseArgs({ args: [...args], options: { check: { type: 'boolean' }, port: { type: 'string' } } })
    const port = values.port === undefined ? undefined : Number(values.port)
    if (port !== undefined && !(Number.isInteger(port) && port >= 1 && port <= 65_535)) {
      return `--port ${values.port} is not a port\n${usage}`
    }
    return { check: values.check ?? false, port }
  } catch (error) {
    return `${error instanceof Error ? error.message : String(error)}\n${usage}`
  }
}
