import { describe, expect, it } from 'vitest'
import { ConfigError, type Environment, readConfig } from './config.ts'

function problemsOf(environment: Environment): readonly string[] {
  try {
    readConfig(environment)
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  return []
}

const required = { HP_SHARED_KEY: 'sk', NC_INSTANCE_URL: 'http://nextcloud' }
const timeAccepted = 'accepted: a whole number with one of the units us, ms, s, m, h, d (no unit: milliseconds), at most 24d'
const addressAccepted = 'accepted: host:port, such as 0.0.0.0:8780, [::]:8780 or :8780 (all addresses)'
const urlAccepted = 'accepted: the base URL of Nextcloud, such as https://cloud.example.org or http://nextcloud/subfolder'

describe('readConfig refuses', () => {
  it.each([
    ['HP_EXAPPS_ADDRESS', '8780', `"8780" is not accepted; ${addressAccepted}`],
    ['HP_EXAPPS_HTTPS_ADDRESS', '0.0.0.0:99999', `"0.0.0.0:99999" is not accepted; ${addressAccepted}`],
    ['HP_FRP_ADDRESS', '::1:8782', `"::1:8782" is not accepted; ${addressAccepted}`],
    ['HARPOON_ADMIN_ADDRESS', 'http://0.0.0.0:9180', `"http://0.0.0.0:9180" is not accepted; ${addressAccepted}`],
    ['HP_FRP_CERT_VALIDITY_DAYS', '0', '"0" is not accepted; accepted: a whole number from 1 to 36500'],
    ['HP_FRP_CERT_VALIDITY_DAYS', '1.5', '"1.5" is not accepted; accepted: a whole number from 1 to 36500'],
    ['HP_LOG_LEVEL', 'INFO', '"INFO" is not accepted; accepted: debug, info, warning, error'],
    ['HP_SESSION_LIFETIME', '10.5', '"10.5" is not accepted; accepted: a number from 0 to 10'],
    ['HP_SESSION_LIFETIME', '-1', '"-1" is not accepted; accepted: a number from 0 to 10'],
    ['HP_SESSION_LIFETIME', '3s', '"3s" is not accepted; accepted: a number from 0 to 10'],
    ['HARPOON_MAX_CONNECTIONS', '15', '"15" is not accepted; accepted: a whole number from 16 to 1000000'],
    ['HARPOON_TUNNEL_MEMORY_MIB', '8', '"8" is not accepted; accepted: a whole number from 16 to 65536'],
    ['HP_BLACKLIST_COUNT', '0', '"0" is not accepted; accepted: a whole number from 1 to 1000000'],
    ['HP_BLACKLIST_WINDOW', '5m', '"5m" is not accepted; accepted: a whole number from -31536000 to 31536000'],
    ['HP_TIMEOUT_CONNECT', '30 s', `"30 s" is not accepted; ${timeAccepted}`],
    ['HP_TIMEOUT_CLIENT', '-1', `"-1" is not accepted; ${timeAccepted}`],
    ['HP_TIMEOUT_SERVER', '1.5h', `"1.5h" is not accepted; ${timeAccepted}`],
    ['HP_TIMEOUT_TUNNEL', '25d', `"25d" is not accepted; ${timeAccepted}`],
    ['HARPOON_STOP_TIMEOUT', 'soon', `"soon" is not accepted; ${timeAccepted}`],
    ['HARPOON_FRONT', '1', '"1" is not accepted; accepted: true or false'],
    ['HARPOON_TUNNEL_SHARED_KEY', 'no', '"no" is not accepted; accepted: true or false'],
    ['NC_INSTANCE_URL', 'nextcloud', `not a usable address; ${urlAccepted}`],
    ['NC_INSTANCE_URL', 'ftp://nextcloud', `not a usable address; ${urlAccepted}`],
    ['NC_INSTANCE_URL', 'https://admin:password@nextcloud', `not a usable address; ${urlAccepted}`],
    ['NC_INSTANCE_URL', '', `not set; ${urlAccepted}`],
    ['NC_INSTANCE_URL', '""', `not a usable address; ${urlAccepted}`],
  ])('%s=%s', (name, text, problem) => {
    expect(problemsOf({ ...required, [name]: text })).toEqual([`${name}: ${problem}`])
  })

  it('everything that is wrong at once, each with its variable', () => {
    const problems = problemsOf({
      HP_SHARED_KEY: 'kéy',
      HARPOON_CONFIG: '/does/not/exist.yaml',
      HP_LOG_LEVEL: 'loud',
      HP_BLACKLIST_COUNT: 'many',
      HP_TIMEOUT_TUNNEL: 'never',
      HARPOON_FRONT: 'maybe',
    })
    expect(problems.map((problem) => problem.split(':')[0])).toEqual([
      'HARPOON_CONFIG', 'HP_SHARED_KEY', 'NC_INSTANCE_URL', 'HP_LOG_LEVEL', 'HP_BLACKLIST_COUNT', 'HP_TIMEOUT_TUNNEL', 'HARPOON_FRONT',
    ])
    for (const problem of problems) expect(problem).toContain('; accepted: ')
  })

  it('with one message that lists the problems line by line', () => {
    const environment = { HP_SHARED_KEY: 'sk', NC_INSTANCE_URL: 'x', HP_LOG_LEVEL: 'loud' }
    expect(() => readConfig(environment)).toThrow(
      new ConfigError([`NC_INSTANCE_URL: not a usable address; ${urlAccepted}`, 'HP_LOG_LEVEL: "loud" is not accepted; accepted: debug, info, warning, error']),
    )
    expect(new ConfigError(['A: b', 'C: d']).message).toBe('Harpoon cannot start with these settings:\n  - A: b\n  - C: d')
  })

  it('a missing key, and names both ways to give one', () => {
    const missing = 'HP_SHARED_KEY: not set; accepted: printable ASCII characters here, or a file that holds them in HP_SHARED_KEY_FILE'
    expect(problemsOf({ NC_INSTANCE_URL: 'http://nc' })).toEqual([missing])
    expect(problemsOf({ NC_INSTANCE_URL: 'http://nc', HP_SHARED_KEY: '' })).toEqual([missing])
  })
})
