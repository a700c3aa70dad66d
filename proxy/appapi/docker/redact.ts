/** What stands in the place of a secret. */
const mark = '[redacted]'

/** A value this short that merely looks like a secret is none, and blotting it out would leave nothing to read. */
const minGuessedLength = 4

/** From here on a value of letters and digits without a blank looks made rather than written. */
const minRandomLength = 20

/** Shorter ones would be found inside innocent words once they are encoded. */
const minEncodedLength = 6

const secretName = /pass|pwd|secret|token|key|auth|cred|private|salt|cookie|session|signature|dsn/i

/** Secrets that tell themselves by what stands around them. */
const telling: readonly (readonly [RegExp, string])[] = [
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[^]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g, mark],
  [/harpoon:(?:exapp|engine):[\w.:-]+/g, mark],
  [/\b(authorization(?:-app-api)?|harp-shared-key|(?:set-)?cookie|x-api-key)\b(["']?\s*[:=]\s*)[^\r\n]+/gi, `$1$2${mark}`],
  [/\b(bearer|basic)\s+[\w+/=.~-]{6,}/gi, `$1 ${mark}`],
  [/(\w:\/\/)[^\s/@]+@/g, `$1${mark}@`],
]

/**
 * Takes secrets out of what a container or an engine says, before anybody sees it: the shared keys, and what an environment
 * (`KEY=VALUE`) holds that looks like a secret by its name or its form, also when it is written in JSON, in a URL or in base64.
 */
export function createRedactor(environment: readonly string[], sharedKeys: readonly string[]): (text: string) => string {
  const secrets = [...sharedKeys, ...environment.flatMap(secretsIn)]
  const spellings = [...new Set(secrets.flatMap(spellingsOf))].filter((text) => text !== '').sort((one, other) => other.length - one.length)
  const known = spellings.length === 0 ? undefined : new RegExp(spellings.map((text) => RegExp.escape(text)).join('|'), 'g')
  return (text) => {
    const masked = known ? text.replaceAll(known, mark) : text
    return telling.reduce((rest, [pattern, replacement]) => rest.replaceAll(pattern, replacement), masked)
  }
}

function secretsIn(variable: string): string[] {
  const at = variable.indexOf('=')
  const value = variable.slice(at + 1)
  if (at < 0 || value.length < minGuessedLength) return []
  const password = /^\w+:\/\/[^/@]*:([^/@]+)@/.exec(value)?.[1]
  if (password !== undefined) return [value, password]
  if (!secretName.test(variable.slice(0, at)) && !looksRandom(value)) return []
  // A log has lines: of a secret with several, such as a key, each one is a secret.
  return [value, ...value.split(/\r?\n/).filter((line) => line.length >= minGuessedLength)]
}

const looksRandom = (value: string): boolean =>
  value.length >= minRandomLength && /^[\w+/=.~-]+$/.test(value) && /\d/.test(value) && /[a-z]/i.test(value) && !/^[/~.]/.test(value)

function spellingsOf(secret: string): string[] {
  const plain = [secret, JSON.stringify(secret).slice(1, -1), encodeURIComponent(secret), encodeURIComponent(secret).replaceAll('%20', '+')]
  return secret.length < minEncodedLength ? plain : [...plain, ...base64Of(secret)]
}

/** What is the same in every base64 text that the secret is a part of, for each of the three places it can begin at. */
function base64Of(secret: string): string[] {
  const bytes = Buffer.from(secret, 'utf8')
  return [0, 1, 2].flatMap((offset) => {
    const encoded = Buffer.concat([Buffer.alloc(offset), bytes]).toString('base64').replaceAll('=', '')
    const begin = offset === 0 ? 0 : offset + 1
    const wholeBits = Math.floor(((offset + bytes.length) * 8) / 6)
    const part = encoded.slice(begin, wholeBits)
    return [part, part.replaceAll('+', '-').replaceAll('/', '_')]
  })
}
