import { z } from 'zod'
import { type ConfigFile, readConfigFile } from './settings/config-file.ts'
import { choice, duration, flag, inheritedDuration, listenAddress, number, path, wholeNumber } from './settings/fields.ts'
import { ignoredSettings } from './settings/ignored.ts'
import { parseIpNetworks } from './settings/ip-networks.ts'
import { nextcloudUrlAccepted, parseNextcloudUrl } from './settings/nextcloud-url.ts'
import { type KeySource, readSharedKey, unquote } from './settings/shared-key.ts'

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
  HP_SESSION_LIFETIME: number('3', { min: 0, max: 10 }).transform((seconds) => Math.round(seconds * 1000)),
  // HaRP bans everybody at 0 or below, which nobody means.
  HP_BLACKLIST_COUNT: wholeNumber('10', { min: 1, max: 1_000_000 }),
  // At 0 or below nobody is ever banned.
  HP_BLACKLIST_WINDOW: wholeNumber('300', { min: -31_536_000, max: 31_536_000 }).transform((seconds) => seconds * 1000),
  HP_TRUSTED_PROXY_IPS: z.string().default('').transform(parseIpNetworks),
  HP_TIMEOUT_CONNECT: duration('30s').transform(unlimitedWhenZero),
  HP_TIMEOUT_CLIENT: duration('30s').transform(unlimitedWhenZero),
  HP_TIMEOUT_SERVER: duration('1800s').transform(unlimitedWhenZero),
  HP_TIMEOUT_TUNNEL: inheritedDuration.transform((read) => (read === undefined ? undefined : unlimitedWhenZero(read))),
  HARPOON_CERTS_DIR: path('/certs'),
  HARPOON_DOCKER_SOCKET: path('/var/run/docker.sock'),
  HARPOON_ADMIN_ADDRESS: listenAddress('0.0.0.0:9180'),
  // HaRP's number.
  HARPOON_MAX_CONNECTIONS: wholeNumber('8192', { min: 16, max: 1_000_000 }),
  // 256 streams whose readers stand still may fill the window that the protocol gives them, in each of four sessions.
  HARPOON_TUNNEL_MEMORY_MIB: wholeNumber('256', { min: 16, max: 65_536 }),
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
  limits: { connections: read.HARPOON_MAX_CONNECTIONS, tunnelMemoryBytes: read.HARPOON_TUNNEL_MEMORY_MIB * 1024 ** 2 },
  dockerSocket: read.HARPOON_DOCKER_SOCKET,
  front: read.HARPOON_FRONT,
  tunnelSharedKey: read.HARPOON_TUNNEL_SHARED_KEY,
}))

/** All settings of the data plane, checked; read-only from here on. Times are milliseconds. */
export type ProxyConfig = Readonly<z.output<typeof schema>> & {
  /** The current key and, while it is set, the previous one. Both open everything; Nextcloud may still have either. */
  readonly sharedKeys: readonly string[]
  /** What was read: the settings change when these do. */
  readonly files: readonly string[]
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
  // An empty variable is what `NAME=` in an env file makes of "not set".
  const variables: Environment = Object.fromEntries(Object.entries(environment).filter(([name, value]) => value !== '' && isOurs(name, value)))
  const { values, problems: fileProblems } = readSettingsFile(variables['HARPOON_CONFIG'])
  const written: Environment = { ...values, ...variables }
  const sharedKey = readSharedKey(keySource('HP_SHARED_KEY', variables, values))
  const previous = keySource('HARPOON_PREVIOUS_SHARED_KEY', variables, values)
  const previousKey = previous.value === undefined && previous.file === undefined ? undefined : readSharedKey(previous)
  const parsed = schema.safeParse(written)
  const problems = [
    ...fileProblems,
    ...[sharedKey, previousKey].flatMap((read) => (read && 'problem' in read ? [read.problem] : [])),
    ...(parsed.error?.issues ?? []).map((issue) => `${issue.path.join('.')}: ${issue.message}`),
  ]
  if (problems.length > 0 || 'problem' in sharedKey || !parsed.success) throw new ConfigError(problems)
  const sharedKeys = previousKey && 'key' in previousKey ? [sharedKey.key, previousKey.key] : [sharedKey.key]
  const files = [written['HARPOON_CONFIG'], written['HP_SHARED_KEY_FILE'], written['HARPOON_PREVIOUS_SHARED_KEY_FILE']]
  return Object.freeze({ ...parsed.data, sharedKeys, files: files.filter((file) => file !== undefined), notices: noticesFor(written) })
}

/** A key and its file are one setting: a variable also wins over the other form in the file. */
function keySource(name: string, variables: Environment, values: Environment): KeySource {
  const file = `${name}_FILE`
  const source = variables[name] !== undefined || variables[file] !== undefined ? variables : values
  return { name, value: source[name], file: source[file] }
}

const keySettings = ['HP_SHARED_KEY', 'HP_SHARED_KEY_FILE', 'HARPOON_PREVIOUS_SHARED_KEY', 'HARPOON_PREVIOUS_SHARED_KEY_FILE'] as const
const known: ReadonlySet<string> = new Set([...Object.keys(settings), ...keySettings, 'HARPOON_CONFIG'])
const isIgnored = (name: string): boolean => Object.hasOwn(ignoredSettings, name)

function isOurs(name: string, value: string | undefined): boolean {
  if (value === undefined) return false
  return known.has(name) || isIgnored(name) || (/^(HP|HARPOON)_/.test(name) && !isServiceLink(name, value))
}

/** Kubernetes gives every pod the address of a Service named `harpoon` in variables like these; they are nobody's typing error. */
const isServiceLink = (name: string, value: string): boolean =>
  /_(SERVICE_(HOST|PORT(_\w+)?)|PORT_\d+_(TCP|UDP|SCTP)(_\w+)?)$/.test(name) || (name.endsWith('_PORT') && /^(tcp|udp|sctp):\/\//.test(value))

/** Unlike in the environment, where others write too, a name in the file that is no setting can only be a mistake. */
function readSettingsFile(file: string | undefined): ConfigFile {
  if (file === undefined) return { values: {}, problems: [] }
  const { values, problems } = readConfigFile(file)
  const accepted = [...Object.keys(settings), ...keySettings]
  const unknown = Object.keys(values).filter((name) => !accepted.includes(name) && !isIgnored(name))
  return { values, problems: [...problems, ...unknown.map((name) => `${name}: no setting for a file (${file}); accepted: ${accepted.join(', ')}`)] }
}

function noticesFor(written: Environment): string[] {
  const asksNothing = written['HARPOON_FRP_WEBSOCKET'] === 'mtls' && written['HP_FRP_DISABLE_TLS'] === 'true'
  const websockets = asksNothing ? ['HARPOON_FRP_WEBSOCKET=mtls asks for nothing while HP_FRP_DISABLE_TLS=true: websockets are let in like any other connection, with the shared key too'] : []
  return websockets.concat(unusedSettings(written))
}

function unusedSettings(written: Environment): string[] {
  return Object.keys(written).flatMap((name) => {
    if (isIgnored(name)) return [`${name} is set but not used: ${ignoredSettings[name]}`]
    return known.has(name) ? [] : [`${name} is set but is no setting of this version`]
  })
}
