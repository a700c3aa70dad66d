import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { type ConfigError, readConfig } from '../config.ts'
import { readConfigFile } from './config-file.ts'

const folder = mkdtempSync(join(tmpdir(), 'harpoon-config-'))
afterAll(() => rmSync(folder, { recursive: true }))
const file = join(folder, 'harpoon.yaml')

function written(yaml: string): string {
  writeFileSync(file, yaml)
  return file
}

const shape = 'accepted: a YAML mapping of setting names to texts, numbers, true/false or lists'
const unusable = (reason: string) => ({ values: {}, lists: {}, problems: [`HARPOON_CONFIG: ${file} ${reason}; ${shape}`] })

describe('readConfigFile', () => {
  it('reads texts, numbers, booleans and lists as their variables would hold them', () => {
    const yaml = `
# written by the operator
HP_SHARED_KEY: 'it''s "this" \\ # one'
NC_INSTANCE_URL: https://cloud.example.org
HP_BLACKLIST_COUNT: 5
HP_SESSION_LIFETIME: 2.5
HP_FRP_DISABLE_TLS: true
HARPOON_FRONT: False
HP_LOG_LEVEL: null
HP_TIMEOUT_TUNNEL: ~
HP_TIMEOUT_SERVER:
HP_TRUSTED_PROXY_IPS:
  - 10.0.0.0/8
  - "fd00::/8"
HARPOON_CERTS_DIR: >-
  /data/certs
`
    expect(readConfigFile(written(yaml))).toEqual({
      problems: [],
      lists: {},
      values: {
        HP_SHARED_KEY: 'it\'s "this" \\ # one',
        NC_INSTANCE_URL: 'https://cloud.example.org',
        HP_BLACKLIST_COUNT: '5',
        HP_SESSION_LIFETIME: '2.5',
        HP_FRP_DISABLE_TLS: 'true',
        HARPOON_FRONT: 'false',
        HP_TRUSTED_PROXY_IPS: '10.0.0.0/8,fd00::/8',
        HARPOON_CERTS_DIR: '/data/certs',
      },
    })
  })

  it('reads a list of mappings as it was written', () => {
    const yaml = 'HARPOON_ENGINES:\n  - {name: gpu, port: 024001, generation: 1e3}\n  - name: true\n    port:\n'
    const lists = { HARPOON_ENGINES: [{ name: 'gpu', port: '024001', generation: '1e3' }, { name: 'true', port: '' }] }
    expect(readConfigFile(written(yaml))).toEqual({ values: {}, lists, problems: [] })
    expect(readConfigFile(written('HARPOON_ENGINES: []'))).toEqual({ values: { HARPOON_ENGINES: '' }, lists: {}, problems: [] })
  })

  it.each(['007', '1e3', '0x1F', '12345678901234567890', '1_000', '.5', '2020-01-01', '12:30:45', 'yes'])('leaves the key %s as it was written', (key) => {
    expect(readConfigFile(written(`HP_SHARED_KEY: ${key}`)).values).toEqual({ HP_SHARED_KEY: key })
  })

  it.each(['', '\n \n', '# nothing yet\n', '{}', 'null', '---\n'])('takes %j for no settings', (yaml) => {
    expect(readConfigFile(written(yaml))).toEqual({ values: {}, lists: {}, problems: [] })
  })

  it.each(['just text', '- HP_LOG_LEVEL', 'HP_LOG_LEVEL: {a: b}', 'HP_LOG_LEVEL: [[info]]', 'HP_LOG_LEVEL: [~]', '7'])('refuses a file that holds no settings: %s', (yaml) => {
    expect(readConfigFile(written(yaml))).toEqual(unusable('does not hold settings'))
  })

  it.each([
    ['HP_LOG_LEVEL: [info', 1],
    ['HP_LOG_LEVEL: info\n\tHP_X: 1', 2],
    ['a: 1\na: 2', 2],
    ['HP_SHARED_KEY: *geheim', 1],
    ['HP_SHARED_KEY: !!js/function geheim', 1],
    ['HP_SHARED_KEY: "geheim', 1],
    ['HP_SHARED_KEY: @geheim', 1],
  ])('says the line of a mistake, and no more: %j', (yaml, line) => {
    const read = readConfigFile(written(yaml))
    expect(read).toEqual(unusable(`is no valid YAML (line ${line})`))
    expect(JSON.stringify(read)).not.toContain('geheim')
  })

  it('refuses several documents', () => {
    expect(readConfigFile(written('a: 1\n---\nb: 2'))).toEqual(unusable('holds more than one document'))
  })

  it.each(['/does/not/exist.yaml', folder])('says why %s cannot be read', (path) => {
    expect(readConfigFile(path).problems).toEqual([expect.stringMatching(/^HARPOON_CONFIG: \S+ cannot be read \((ENOENT|EISDIR)\); accepted: /)])
  })

  it('refuses references at once, so that none can multiply', () => {
    const levels = Array.from({ length: 30 }, (_, level) => `l${level + 1}: &l${level + 1} [${Array(9).fill(`*l${level}`).join(', ')}]`)
    const startedAt = performance.now()
    expect(readConfigFile(written(['l0: &l0 [x]', ...levels].join('\n')))).toEqual(unusable('is no valid YAML (line 2)'))
    expect(readConfigFile(written(`a: ${'['.repeat(100_000)}`)).problems).toHaveLength(1)
    expect(performance.now() - startedAt).toBeLessThan(5000)
  })
})

describe('the settings of a file', () => {
  const required = 'HP_SHARED_KEY: sk\nNC_INSTANCE_URL: http://nextcloud\n'
  const read = (yaml: string, environment = {}) => readConfig({ HARPOON_CONFIG: written(yaml), ...environment })
  const problemsOf = (yaml: string, environment = {}): readonly string[] => {
    try {
      return read(yaml, environment).notices
    } catch (error) {
      return (error as ConfigError).problems
    }
  }

  it('are enough alone', () => {
    const config = read(`${required}HP_TRUSTED_PROXY_IPS: [10.0.0.0/8, 1.2.3.4]\nHP_BLACKLIST_COUNT: 3\n`)
    expect([config.sharedKeys[0], config.nextcloudUrl.href, config.trustedProxies.accepted, config.bans.count]).toEqual(['sk', 'http://nextcloud/', ['10.0.0.0/8', '1.2.3.4/32'], 3])
  })

  it('give way to variables, and empty variables to them', () => {
    const config = read(`${required}HP_LOG_LEVEL: debug\nHP_BLACKLIST_COUNT: 3\n`, { HP_LOG_LEVEL: 'error', HP_BLACKLIST_COUNT: '', HP_SHARED_KEY: 'other' })
    expect([config.logLevel, config.bans.count, config.sharedKeys[0]]).toEqual(['error', 3, 'other'])
  })

  it('include the file of the key, which a variable with the key outranks', () => {
    const keyFile = join(folder, 'key')
    writeFileSync(keyFile, 'from-file\n')
    const yaml = `HP_SHARED_KEY_FILE: ${keyFile}\nNC_INSTANCE_URL: http://nextcloud`
    expect(read(yaml).sharedKeys[0]).toBe('from-file')
    expect(read(yaml, { HP_SHARED_KEY: 'variable' }).sharedKeys[0]).toBe('variable')
    expect(problemsOf(`${yaml}\nHP_SHARED_KEY: sk`)).toEqual(['HP_SHARED_KEY: set together with HP_SHARED_KEY_FILE; accepted: one of the two'])
  })

  it('are checked like variables', () => {
    expect(problemsOf(`${required}HP_LOG_LEVEL: loud\nHARPOON_FRONT: 1`)).toEqual([
      'HP_LOG_LEVEL: "loud" is not accepted; accepted: debug, info, warning, error',
      'HARPOON_FRONT: "1" is not accepted; accepted: true or false',
    ])
  })

  it('may be a list of mappings where that has a meaning only', () => {
    const engines = 'HARPOON_ENGINES: [{name: gpu, port: 24001}, {name: cpu, port: 24002, generation: 7}]'
    expect(read(`${required}${engines}`).engines).toEqual([{ name: 'gpu', port: 24_001, generation: '' }, { name: 'cpu', port: 24_002, generation: '7' }])
    expect(read(`${required}${engines}`, { HARPOON_ENGINES: 'other:24003' }).engines).toEqual([{ name: 'other', port: 24_003, generation: '' }])
    expect(problemsOf(`${required}HP_LOG_LEVEL: [{name: gpu}]\nNO_SETTING: [{name: gpu}]`)).toEqual([
      expect.stringMatching(/^NO_SETTING: no setting for a file/),
      'HP_LOG_LEVEL: is a list of mappings; accepted: a text',
    ])
    expect(problemsOf(`HP_SHARED_KEY: [{name: gpu}]\nNC_INSTANCE_URL: http://nextcloud`)).toEqual([
      'HP_SHARED_KEY: is a list of mappings; accepted: a text',
      expect.stringMatching(/^HP_SHARED_KEY: not set/),
    ])
  })

  it.each(['HP_LOGLEVEL', 'LOG_LEVEL', 'hp_log_level', 'constructor', 'HARPOON_CONFIG'])('cannot be called %s', (name) => {
    expect(problemsOf(`${required}${name}: x`)).toEqual([expect.stringMatching(new RegExp(`^${name}: no setting for a file \\(\\S+\\); accepted: NC_INSTANCE_URL, HP_EXAPPS_ADDRESS, .*HP_SHARED_KEY_FILE.*$`))])
  })

  it('may be unused ones of HaRP, which is said once also when a variable sets them too', () => {
    expect(problemsOf(`${required}HP_WAIT_FRP: 30`, { HP_WAIT_FRP: '60' })).toEqual(['HP_WAIT_FRP is set but not used: there is no separate agent to wait for or to watch'])
  })
})
