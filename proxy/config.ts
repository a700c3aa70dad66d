import { readFileSync } from 'node:fs'
import { load } from 'js-yaml'
import { z } from 'zod'
import { choice, duration, flag, listenAddress, number, path, wholeNumber } from './settings/fields.ts'
import { parseIpNetworks } from './settings/ip-networks.ts'
import { nextcloudUrlAccepted, parseNextcloudUrl } from './settings/nextcloud-url.ts'
import { readSharedKey, unquote } from './settings/shared-key.ts'
import { ignoredSettings } from './settings/ignored.ts'

/** HAProxy takes `0` as "no limit" in every time setting; a day count that no request outlives says the same to a timer. */
const unlimitedMs = 24 * 86_400_000
const unlimitedWhenZero = (milliseconds: number): number => (milliseconds === 0 ? unlimitedMs : milliseconds)

/** Every setting by the name of its variable: HaRP's (contract §1) and ours, which begin with `HARPOON_`. */
const settings = {
  NC_INSTANCE_URL: z.string({ error: `not set; accepted: ${nextcloudUrlAccepted}` }).transform((text, context) => {
    const url = parseNextcloudUrl(unquote(text))
    if (!url) context.addIssue({ code: 'custom', message: `not a usable address; accepted: ${nextcloudUrlAccepted}` })
    return url ?? z.NEVER
  }),
  HP_EXAPPS_ADDRESS: listenAddress('0.0.0.0:8780'),
  HP_EXAPPS_HTTPS_ADDRESS: listenAddress('0.0.0.0:8781'),
  HP_FRP_ADDRESS: listenAddress('0.0.0.0:8782'),
  // Only the exact word switches TLS off: a typing error must not open the tunnel port.
  HP_FRP_DISABLE_TLS: z.string().default('false').transform((text) => text === 'true'),
  HP_FRP_CERT_VALIDITY_DAYS: wholeNumber('5000', { min: 1, max: 36_500 }),
  HP_LOG_LEVEL: choice('warning', ['debug', 'info', 'warning', 'error']),
  HP_VERBOSE_START: z.string().default('1').transform((text) => Number(text) === 1),
  HP_SESSION_LIFETIME: number('3', { min: 0, max: 10 }).transform((seconds) => seconds * 1000),
  // HaRP bans everybody at 0 or below, which nobody means.
  HP_BLACKLIST_COUNT: wholeNumber('10', { min: 1, max: 1_000_000 }),
  HP_BLACKLIST_WINDOW: wholeNumber('300', { min: -1, max: 31_536_000 }).transform((seconds) => seconds * 1000),
  HP_TRUSTED_PROXY_IPS: z.string().default('').transform(parseIpNetworks),
  HP_TIMEOUT_CONNECT: duration('30s').transform(unlimitedWhenZero),
  HP_TIMEOUT_CLIENT: duration('30s').transform(unlimitedWhenZero),
  HP_TIMEOUT_SERVER: duration('1800s').transform(unlimitedWhenZero),
  HP_TIMEOUT_TUNNEL: duration('1800s').transform(unlimitedWhenZero).optional(),
  HARPOON_CERTS_DIR: path('/certs'),
  HARPOON_DOCKER_SOCKET: path('/var/run/docker.sock'),
  HARPOON_ADMIN_ADDRESS: listenAddress('0.0.0.0:9180'),
  HARPOON_FRONT: flag('false'),
  HARPOON_TUNNEL_SHARED_KEY: flag('true'),
  // A websocket that an Ingress has unwrapped brings no client certificate, so it has to be let in on purpose.
  HARPOON_FRP_WEBSOCKET: choice('mtls', ['mtls', 'token', 'off']),
  // Docker kills a container 10 s after its stop signal; what runs then has to be finished or cut before.
  HARPOON_STOP_TIMEOUT: duration('8s'),
}

const schema = z.object(settings).transform((read) => ({
  nextcloudUrl: read.NC_INSTANCE_URL,
  listen: { http: read.HP_EXAPPS_ADDRESS, https: read.HP_EXAPPS_HTTPS_ADDRESS, frp: read.HP_FRP_ADDRESS, admin: read.HARPOON_ADMIN_ADDRESS },
  frpTls: !read.HP_FRP_DISABLE_TLS,
  frpWebsocket: read.HARPOON_FRP_WEBSOCKET,
  certificates: { directory: read.HARPOON_CERTS_DIR, validityDays: read.HP_FRP_CERT_VALIDITY_DAYS },
  logLevel: read.HP_LOG_LEVEL,
  verboseStart: read.HP_VERBOSE_START,
  sessionLifetimeMs: read.HP_SESSION_LIFETIME,
  bans: { count: read.HP_BLACKLIST_COUNT, windowMs: read.HP_BLACKLIST_WINDOW },
  trustedProxies: read.HP_TRUSTED_PROXY_IPS,
  timeouts: {
    connectMs: read.HP_TIMEOUT_CONNECT,
    clientMs: read.HP_TIMEOUT_CLIENT,
    serverMs: read.HP_TIMEOUT_SERVER,
    // HaRP: the server's limit unless one is given for upgraded connections.
    tunnelMs: read.HP_TIMEOUT_TUNNEL ?? read.HP_TIMEOUT_SERVER,
    stopMs: read.HARPOON_STOP_TIMEOUT,
  },
  dockerSocket: read.HARPOON_DOCKER_SOCKET,
  front: read.HARPOON_FRONT,
  tunnelSharedKey: read.HARPOON_TUNNEL_SHARED_KEY,
}))

/** All settings of the data plane, checked; read-only from here on. Times are milliseconds. */
export type ProxyConfig = Readonly<z.output<typeof schema>> & {
  readonly sharedKey: string
  /** What was set but does nothing, each with the reason. */
  readonly notices: readonly string[]
}

/** Thrown by `readConfig`; the message lists every problem: the variable, what is wrong with it, what is accepted. */
export class ConfigError extends Error {
  readonly problems: readonly string[]
  constructor(problems: readonly string[]) {
    super(['Harpoon cannot start with these settings:', ...problems.map((problem) => `  - ${problem}`)].join('\n'))
    this.problems = problems
  }
}

export type Environment = Readonly<Record<string, string | undefined>>

/**
 * Reads the settings from the environment and from the YAML file that `HARPOON_CONFIG` names (the same names as keys;
 * a variable wins over the file). Throws a `ConfigError` with all problems at once.
 */
export function readConfig(environment: Environment = process.env): ProxyConfig {
  const file = readConfigFile(environment['HARPOON_CONFIG'])
  // An empty variable is what `NAME=` in an env file makes of "not set".
  const fromEnvironment: Environment = Object.fromEntries(Object.entries(environment).filter(([name, value]) => isOurs(name) && value !== ''))
  const written: Environment = { ...file.values, ...fromEnvironment }
  // The key and its file are one setting: a variable also wins over the other form in the file.
  const keySource = fromEnvironment['HP_SHARED_KEY'] !== undefined || fromEnvironment['HP_SHARED_KEY_FILE'] !== undefined ? fromEnvironment : file.values
  const sharedKey = readSharedKey(keySource['HP_SHARED_KEY'], keySource['HP_SHARED_KEY_FILE'])
  const parsed = schema.safeParse(written)
  const problems = [
    ...file.problems,
    ...('problem' in sharedKey ? [`HP_SHARED_KEY: ${sharedKey.problem}`] : []),
    ...(parsed.error?.issues ?? []).map((issue) => `${issue.path.join('.')}: ${issue.message}`),
  ]
  if (problems.length > 0 || 'problem' in sharedKey || !parsed.success) throw new ConfigError(problems)
  return Object.freeze({ ...parsed.data, sharedKey: sharedKey.key, notices: noticesFor(written) })
}

const known = new Set([...Object.keys(settings), 'HP_SHARED_KEY', 'HP_SHARED_KEY_FILE', 'HARPOON_CONFIG'])

/** Kubernetes gives every pod the address of a Service named `harpoon` in variables like these; they are nobody's typing error. */
const serviceLink = /_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP)(_\w+)?)?)$/

const isOurs = (name: string): boolean => known.has(name) || name in ignoredSettings || (/^(HP|HARPOON)_/.test(name) && !serviceLink.test(name))

function noticesFor(written: Environment): string[] {
  return Object.keys(written).flatMap((name) => {
    const reason = ignoredSettings[name]
    if (reason !== undefined) return [`${name} is set but not used: ${reason}`]
    return known.has(name) ? [] : [`${name} is set but is no setting of this version`]
  })
}

interface ConfigFile {
  readonly values: Environment
  readonly problems: readonly string[]
}

const fileSchema = z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.array(z.string()), z.null()]))

/** A list stands for the comma-separated form, `null` for "not set". */
function readConfigFile(file: string | undefined): ConfigFile {
  if (file === undefined || file === '') return { values: {}, problems: [] }
  const problem = (text: string): ConfigFile => ({ values: {}, problems: [`HARPOON_CONFIG: ${file} ${text}`] })
  let content: unknown
  try {
    content = load(readFileSync(file, 'utf8')) ?? {}
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    return problem(`cannot be ${code ? `read (${code})` : 'parsed'}; accepted: a readable YAML file of setting names and values`)
  }
  const parsed = fileSchema.safeParse(content)
  if (!parsed.success) return problem('does not hold settings; accepted: a YAML mapping of setting names to texts, numbers, true/false or lists of texts')
  const entries = Object.entries(parsed.data).filter(([, value]) => value !== null)
  const values = Object.fromEntries(entries.map(([name, value]) => [name, Array.isArray(value) ? value.join(',') : String(value)]))
  const unknown = Object.keys(values).filter((name) => !known.has(name) && !(name in ignoredSettings))
  return { values, problems: unknown.map((name) => `${name}: no setting of this version (in ${file}); accepted: ${[...known].join(', ')}`) }
}
