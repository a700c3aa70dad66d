import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createRedactor } from './redact.ts'

const appSecret = 'q3+Z/9xkPfT'.repeat(11)
const environment = [
  'AA_VERSION=35.0.0',
  `APP_SECRET=${appSecret}`,
  'APP_ID=demo',
  'NEXTCLOUD_URL=https://cloud.example.org/index.php',
  'DATABASE_URL=postgres://user:hunter22@db/x',
  'OPENAI_API_KEY=sk-proj-0123',
  'MODE=fast',
  'LICENCE=ABCDE-12345-FGHIJ-67890-KLMNO',
  'TLS_KEY=-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\nsecond-line-of-it\n-----END RSA PRIVATE KEY-----',
  'EMPTY_TOKEN=',
  'A_TOKEN=x',
]
const redact = createRedactor(environment, ['the shared key', 'the previous one'])

describe('what is shown of a text', () => {
  it.each([
    ['the shared key', 'login with the shared key failed'],
    ['the previous key', 'login with the previous one failed'],
    ['the ExApp’s secret', `secret ${appSecret}!`],
    ['a key by its name', 'using sk-proj-0123'],
    ['a password in a URL', 'password hunter22 is wrong'],
    ['a URL with a password', 'cannot connect to postgres://user:hunter22@db/x'],
    ['another URL with a password', 'cannot connect to mysql://root:toor@db/x'],
    ['what looks random', 'licence ABCDE-12345-FGHIJ-67890-KLMNO has ended'],
    ['a line of a key', 'key: second-line-of-it'],
    ['a key that is printed', '-----BEGIN EC PRIVATE KEY-----\nMHcCAQEE\n-----END EC PRIVATE KEY-----'],
    ['a key that is cut off', '-----BEGIN PRIVATE KEY-----\nMHcCAQEE'],
    ['an ExApp’s token', `token harpoon:exapp:demo:${'x'.repeat(43)}`],
    ['a header', 'AUTHORIZATION-APP-API: dXNlcjpzZWNyZXQ='],
    ['a header in JSON', '{"authorization": "Basic dXNlcjpzZWNyZXQ="}'],
    ['a cookie', 'Cookie: oc_sessionPassphrase=abc; other=def'],
    ['a bearer', 'curl -H Bearer abcdef0123'],
  ])('has no %s in it', (_what, text) => {
    const shown = redact(text)
    expect(shown).toContain('[redacted]')
    expect(shown).not.toMatch(/the shared key|previous one|q3\+Z|sk-proj|hunter22|toor|ABCDE|second-line|MHcCAQEE|xxxxx|dXNlcjp|abc/)
  })

  it.each([
    ['the model is missing', 'the model is missing'],
    ['demo 35.0.0 serves https://cloud.example.org/index.php in mode fast', 'demo 35.0.0 serves https://cloud.example.org/index.php in mode fast'],
    ['', ''],
    ['exit 1: x', 'exit 1: x'],
  ])('is all of %j', (text, shown) => {
    expect(redact(text)).toBe(shown)
  })

  it('hides a secret in JSON, in a URL, and in base64 wherever it begins', () => {
    const spelled = [JSON.stringify({ a: appSecret }), encodeURIComponent(appSecret), ...['', 'u', 'us', 'user:', 'admin:'].map((before) => Buffer.from(`${before}${appSecret}\n`).toString('base64'))]
    for (const text of spelled) {
      const shown = redact(`x ${text} y`)
      expect(shown).toContain('[redacted]')
      // A few characters at either end belong to what stands beside it as well.
      expect(shown.length).toBeLessThan(40)
    }
  })

  it('never holds a secret, whatever stands around it', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.constantFrom(appSecret, 'the shared key', 'hunter22', 'sk-proj-0123'), (before, after, secret) => {
        expect(redact(`${before}${secret}${after}`)).not.toContain(secret)
      }),
    )
  })

  it('is found in time that grows with the text only', () => {
    const startedAt = performance.now()
    for (const text of ['-----BEGIN PRIVATE KEY-----'.repeat(20_000), 'a://'.repeat(100_000), 'bearer '.repeat(50_000), 'cookie'.repeat(50_000)]) redact(text)
    expect(performance.now() - startedAt).toBeLessThan(5_000)
  })
})
