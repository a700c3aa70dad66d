import { describe, expect, it } from 'vitest'
import { type Environment, type ProxyConfig, readConfig } from './config.ts'

const required = { HP_SHARED_KEY: 'sk', NC_INSTANCE_URL: 'http://nextcloud' }
const read = (environment: Environment): ProxyConfig => readConfig({ ...required, ...environment })
const unlimited = 2_073_600_000 // 24 days

describe('readConfig', () => {
  it('has the defaults of the HaRP image, and ours', () => {
    const { trustedProxies, nextcloudUrl, ...rest } = readConfig(required)
    expect(nextcloudUrl.href).toBe('http://nextcloud/')
    expect([trustedProxies.accepted, trustedProxies.repaired, trustedProxies.rejected]).toEqual([[], [], []])
    expect(rest).toEqual({
      sharedKeys: ['sk'],
      files: [],
      listen: {
        http: { host: '0.0.0.0', port: 8780 },
        https: { host: '0.0.0.0', port: 8781 },
        frp: { host: '0.0.0.0', port: 8782 },
        admin: { host: '0.0.0.0', port: 9180 },
      },
      frpTls: true,
      frpWebsocket: 'mtls',
      certificates: { directory: '/certs', validityDays: 5000 },
      logLevel: 'warning',
      verboseStart: true,
      sessionLifetimeMs: 3000,
      bans: { count: 10, windowMs: 300_000 },
      timeouts: { connectMs: 30_000, clientMs: 30_000, serverMs: 1_800_000, tunnelMs: 1_800_000, stopMs: 8000 },
      dockerSocket: '/var/run/docker.sock',
      front: false,
      limits: { connections: 8192, tunnelMemoryBytes: 268_435_456 },
      tunnelSharedKey: true,
      notices: [],
    })
  })

  it.each<[string, string, (config: ProxyConfig) => unknown, unknown]>([
    ['HP_SHARED_KEY', 'a "quoted\\ key', (config) => config.sharedKeys[0], 'a "quoted\\ key'],
    ['HARPOON_FRP_WEBSOCKET', 'token', (config) => config.frpWebsocket, 'token'],
    ['HARPOON_PREVIOUS_SHARED_KEY', 'old', (config) => config.sharedKeys, ['sk', 'old']],
    ['NC_INSTANCE_URL', 'https://cloud.example.org/', (config) => config.nextcloudUrl.href, 'https://cloud.example.org/'],
    ['HP_EXAPPS_ADDRESS', '127.0.0.1:1', (config) => config.listen.http, { host: '127.0.0.1', port: 1 }],
    ['HP_EXAPPS_HTTPS_ADDRESS', '127.0.0.1:2', (config) => config.listen.https, { host: '127.0.0.1', port: 2 }],
    ['HP_FRP_ADDRESS', '[::1]:3', (config) => config.listen.frp, { host: '::1', port: 3 }],
    ['HP_FRP_DISABLE_TLS', 'true', (config) => config.frpTls, false],
    ['HP_FRP_DISABLE_TLS', 'TRUE', (config) => config.frpTls, true],
    ['HP_FRP_DISABLE_TLS', 'yes', (config) => config.frpTls, true],
    ['HP_FRP_CERT_VALIDITY_DAYS', '30', (config) => config.certificates.validityDays, 30],
    ['HP_LOG_LEVEL', 'debug', (config) => config.logLevel, 'debug'],
    ['HP_VERBOSE_START', '0', (config) => config.verboseStart, false],
    ['HP_VERBOSE_START', 'yes', (config) => config.verboseStart, false],
    ['HP_SESSION_LIFETIME', '0', (config) => config.sessionLifetimeMs, 0],
    ['HP_SESSION_LIFETIME', '1.001', (config) => config.sessionLifetimeMs, 1001],
    ['HP_SESSION_LIFETIME', '10', (config) => config.sessionLifetimeMs, 10_000],
    ['HP_BLACKLIST_COUNT', '3', (config) => config.bans.count, 3],
    ['HARPOON_MAX_CONNECTIONS', '20000', (config) => config.limits.connections, 20_000],
    ['HARPOON_TUNNEL_MEMORY_MIB', '64', (config) => config.limits.tunnelMemoryBytes, 67_108_864],
    ['HP_BLACKLIST_WINDOW', '60', (config) => config.bans.windowMs, 60_000],
    ['HP_BLACKLIST_WINDOW', '0', (config) => config.bans.windowMs, 0],
    ['HP_BLACKLIST_WINDOW', '-300', (config) => config.bans.windowMs, -300_000],
    ['HP_TRUSTED_PROXY_IPS', '10.0.0.0/8, 192.168.1.7', (config) => config.trustedProxies.accepted, ['10.0.0.0/8', '192.168.1.7/32']],
    ['HP_TIMEOUT_CONNECT', '5s', (config) => config.timeouts.connectMs, 5000],
    ['HP_TIMEOUT_CONNECT', '5', (config) => config.timeouts.connectMs, 5],
    ['HP_TIMEOUT_CLIENT', '1m', (config) => config.timeouts.clientMs, 60_000],
    ['HP_TIMEOUT_CLIENT', '0', (config) => config.timeouts.clientMs, unlimited],
    ['HP_TIMEOUT_SERVER', '2h', (config) => config.timeouts.serverMs, 7_200_000],
    ['HP_TIMEOUT_SERVER', '60s', (config) => config.timeouts.tunnelMs, 60_000],
    ['HP_TIMEOUT_TUNNEL', '10m', (config) => config.timeouts.tunnelMs, 600_000],
    ['HP_TIMEOUT_TUNNEL', '0', (config) => config.timeouts.tunnelMs, unlimited],
    ['HP_TIMEOUT_TUNNEL', '0us', (config) => config.timeouts.tunnelMs, unlimited],
    ['HP_TIMEOUT_TUNNEL', '0d', (config) => config.timeouts.tunnelMs, unlimited],
    ['HARPOON_CERTS_DIR', '/data', (config) => config.certificates.directory, '/data'],
    ['HARPOON_DOCKER_SOCKET', '/run/docker.sock', (config) => config.dockerSocket, '/run/docker.sock'],
    ['HARPOON_ADMIN_ADDRESS', '127.0.0.1:9', (config) => config.listen.admin, { host: '127.0.0.1', port: 9 }],
    ['HARPOON_FRONT', 'true', (config) => config.front, true],
    ['HARPOON_TUNNEL_SHARED_KEY', 'false', (config) => config.tunnelSharedKey, false],
    ['HARPOON_STOP_TIMEOUT', '500ms', (config) => config.timeouts.stopMs, 500],
  ])('reads %s=%s', (name, text, part, expected) => {
    expect(part(read({ [name]: text }))).toEqual(expected)
  })

  it('keeps the tunnel time-out where it was set when the server time-out is set as well', () => {
    expect(read({ HP_TIMEOUT_SERVER: '60s', HP_TIMEOUT_TUNNEL: '5m' }).timeouts).toMatchObject({ serverMs: 60_000, tunnelMs: 300_000 })
  })

  it('takes an empty variable for one that is not set', () => {
    expect(read({ HP_LOG_LEVEL: '', HP_TIMEOUT_TUNNEL: '', HP_SHARED_KEY_FILE: '', HARPOON_CONFIG: '', HP_WAIT_FRP: '' })).toEqual(readConfig(required))
  })

  it('forgives blanks around numbers, times and addresses, as they end up in env files', () => {
    const { bans, timeouts, listen } = read({ HP_BLACKLIST_COUNT: '5 ', HP_TIMEOUT_CLIENT: ' 7s', HP_EXAPPS_ADDRESS: ' 127.0.0.1:80 ' })
    expect([bans.count, timeouts.clientMs, listen.http]).toEqual([5, 7000, { host: '127.0.0.1', port: 80 }])
  })

  it('removes quotes from the URL and the three addresses, as HaRP does', () => {
    const quoted = { NC_INSTANCE_URL: '"http://nc/"', HP_EXAPPS_ADDRESS: "'127.0.0.1:1'", HP_EXAPPS_HTTPS_ADDRESS: '"127.0.0.1:2"', HP_FRP_ADDRESS: `"'127.0.0.1:3'"` }
    const { nextcloudUrl, listen } = read(quoted)
    expect([nextcloudUrl.href, listen.http.port, listen.https.port, listen.frp.port]).toEqual(['http://nc/', 1, 2, 3])
  })

  it('cannot be changed afterwards', () => {
    expect(Object.isFrozen(readConfig(required))).toBe(true)
  })
})

describe('the notices of readConfig', () => {
  it.each([
    'HP_SPOA_ADDRESS', 'HP_WATCHDOG_ENABLED', 'HP_WATCHDOG_INTERVAL', 'HP_WATCHDOG_FAILS', 'HP_WAIT_AGENT_HTTP', 'HP_WAIT_SPOA', 'HP_WAIT_FRP',
    'HP_WAIT_INTERVAL', 'HP_K8S_ENABLED', 'HP_K8S_NAMESPACE', 'HP_K8S_API_SERVER', 'HP_K8S_BEARER_TOKEN', 'HP_K8S_BEARER_TOKEN_FILE', 'HP_K8S_CA_FILE',
    'HP_K8S_VERIFY_SSL', 'HP_K8S_STORAGE_CLASS', 'HP_K8S_DEFAULT_STORAGE_SIZE', 'HP_K8S_HOST_ALIASES',
  ])('say once that %s is not used, without its value', (name) => {
    const { notices } = read({ [name]: 'some-value' })
    expect(notices).toEqual([expect.stringMatching(new RegExp(`^${name} is set but not used: .{20}`))])
    expect(notices[0]).not.toContain('some-value')
  })

  it('name variables that look like settings but are none', () => {
    const { notices } = read({ HP_FRP_PORT: '8782', HARPOON_ADMIN_PORT: '1', HP_LOGLEVEL: 'debug', PATH: '/bin', HARP_X: '1', OTHER_HP_X: '1' })
    expect(notices).toEqual([
      'HP_FRP_PORT is set but is no setting of this version',
      'HARPOON_ADMIN_PORT is set but is no setting of this version',
      'HP_LOGLEVEL is set but is no setting of this version',
    ])
  })

  it('do not mind what Kubernetes sets for a Service named harpoon', () => {
    const links = {
      HARPOON_SERVICE_HOST: '10.0.0.1',
      HARPOON_SERVICE_PORT: '8780',
      HARPOON_SERVICE_PORT_HTTP: '8780',
      HARPOON_PORT: 'tcp://10.0.0.1:8780',
      HARPOON_PORT_8780_TCP: 'tcp://10.0.0.1:8780',
      HARPOON_PORT_8780_TCP_ADDR: '10.0.0.1',
      HARPOON_PORT_8780_TCP_PORT: '8780',
      HARPOON_PORT_8780_TCP_PROTO: 'tcp',
      HARPOON_FRP_PORT_8782_TCP: 'tcp://10.0.0.2:8782',
    }
    expect(read(links).notices).toEqual([])
  })

  it('are not confused by names that every object has', () => {
    expect(read({ constructor: 'x', toString: 'y', __proto__: 'z' }).notices).toEqual([])
  })
})
