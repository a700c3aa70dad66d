import { InvalidPatternError, UnsupportedPatternError } from './errors.ts'

/**
 * Rewrites a pattern of Python's `re` as one of RE2 with the same meaning for request paths (printable ASCII, no line
 * breaks). Throws `InvalidPatternError` where Python would, `UnsupportedPatternError` for what has no linear-time form.
 */
export function translatePattern(pattern: string): string {
  const flags = /^\(\?([aiLmsux]+)\)/.exec(pattern)
  const body = new Translation(flags ? pattern.slice(flags[0].length) : pattern).run()
  return `(?${flags ? re2Flags(flags[1] ?? '') : ''}:${body})`
}

/** `a` and `u` choose between ASCII and Unicode classes, which is the same for a path. */
function re2Flags(letters: string): string {
  if (letters.includes('L')) throw new InvalidPatternError('flag L is for bytes patterns')
  if (letters.includes('x')) throw new UnsupportedPatternError('verbose patterns, flag x')
  return letters.replace(/[au]/g, '')
}

class Translation {
  readonly #text: string
  #at = 0
  #depth = 0
  /** Whether what was written last can be repeated. */
  #repeatable = false
  #output = ''

  constructor(text: string) {
    this.#text = text
  }

  run(): string {
    while (this.#at < this.#text.length) this.#next()
    if (this.#depth > 0) throw new InvalidPatternError('missing ), unterminated group')
    return this.#output
  }

  #next(): void {
    const char = this.#char()
    switch (char) {
      case '\\':
        return this.#escape()
      case '[':
        return this.#characterClass()
      case '(':
        return this.#group()
      case ')':
        if (this.#depth-- === 0) throw new InvalidPatternError('unbalanced parenthesis')
        return this.#write(')', { repeatable: true })
      case '|':
      case '^':
      case '$': // Python's also stands before a final line break, which no path has
        return this.#write(char, { repeatable: false })
      case '.':
        return this.#write('.', { repeatable: true })
      case '*':
      case '+':
      case '?':
        return this.#repeat(char, char)
      case '{':
        return this.#braces()
      default:
        return this.#write(literal(char), { repeatable: true }, char)
    }
  }

  #write(output: string, { repeatable }: { repeatable: boolean }, consumed = output): void {
    this.#output += output
    this.#at += consumed.length
    this.#repeatable = repeatable
  }

  #char(): string {
    const code = this.#text.codePointAt(this.#at)
    return code === undefined ? '' : String.fromCodePoint(code)
  }

  #take(pattern: RegExp): RegExpExecArray | undefined {
    const sticky = new RegExp(pattern, 'ys')
    sticky.lastIndex = this.#at
    return sticky.exec(this.#text) ?? undefined
  }

  #repeat(consumed: string, output: string): void {
    if (!this.#repeatable) throw new InvalidPatternError('nothing to repeat, or a repeat of a repeat')
    this.#write(output, { repeatable: false }, consumed)
    if (this.#text.charAt(this.#at) === '+') throw new UnsupportedPatternError('possessive quantifiers')
    if (this.#text.charAt(this.#at) === '?') this.#write('?', { repeatable: false })
  }

  #braces(): void {
    const quantifier = this.#take(/\{(\d*)(,?)(\d*)\}/)
    if (!quantifier || quantifier[0] === '{}') return this.#write('\\{', { repeatable: true }, '{')
    const [consumed, low = '', comma = '', high = ''] = quantifier
    if (high !== '' && Number(high) < Number(low || '0')) throw new InvalidPatternError('repeat with its minimum above its maximum')
    this.#repeat(consumed, `{${low || '0'}${comma}${high}}`)
  }

  #group(): void {
    const lookAround = this.#take(/\(\?(<?[=!]|>|\(|P=)/)
    if (lookAround) throw new UnsupportedPatternError('look-around, back-references, atomic and conditional groups')
    const comment = this.#take(/\(\?#[^)]*\)/)
    if (comment) {
      this.#at += comment[0].length
      return
    }
    const flags = this.#take(/\(\?([aimsux]*)(?:-([imsx]+))?:/)
    if (flags) {
      const off = flags[2] === undefined ? '' : `-${re2Flags(flags[2])}`
      this.#depth++
      return this.#write(`(?${re2Flags(flags[1] ?? '')}${off}:`, { repeatable: false }, flags[0])
    }
    const named = this.#take(/\(\?P<[A-Za-z_]\w*>/)
    if (!named && this.#text.startsWith('(?', this.#at)) throw new InvalidPatternError('unknown extension, or flags not at the start')
    this.#depth++
    // Groups are never read: RE2's names and limits on them do not matter then.
    this.#write('(?:', { repeatable: false }, named?.[0] ?? '(')
  }

  #escape(): void {
    const anchor = this.#take(/\\[AZbB]/)
    if (anchor) return this.#write(anchor[0] === '\\Z' ? '\\z' : anchor[0], { repeatable: false }, anchor[0])
    const shorthand = this.#take(/\\[dDwWsS]/)
    if (shorthand) return this.#write(shorthand[0], { repeatable: true })
    const { consumed, char } = this.#escapedCharacter()
    this.#write(literal(char), { repeatable: true }, consumed)
  }

  /** An escape that stands for one character, inside or outside a class. */
  #escapedCharacter(): { consumed: string; char: string } {
    const hex = this.#take(/\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U(00(?:0[0-9a-fA-F]|10)[0-9a-fA-F]{4}))/)
    if (hex) return { consumed: hex[0], char: String.fromCodePoint(parseInt(hex[1] ?? hex[2] ?? hex[3] ?? '0', 16)) }
    const octal = this.#take(/\\(0[0-7]{0,2}|[0-3][0-7]{2})/)
    if (octal) return { consumed: octal[0], char: String.fromCharCode(parseInt(octal[1] ?? '0', 8)) }
    const control = this.#take(/\\([afnrtv])/)
    if (control) return { consumed: control[0], char: controlCharacters[control[1] ?? ''] ?? '' }
    if (this.#take(/\\[1-9]/)) throw new UnsupportedPatternError('back-references')
    if (this.#take(/\\N\{/)) throw new UnsupportedPatternError('characters by name')
    const plain = this.#take(/\\([^A-Za-z])/)
    if (!plain) throw new InvalidPatternError('bad escape')
    return { consumed: plain[0], char: plain[1] ?? '' }
  }

  #characterClass(): void {
    const open = this.#take(/\[\^?/)?.[0] ?? '['
    this.#write(open, { repeatable: false })
    let first = true
    while (first || this.#text.charAt(this.#at) !== ']') {
      if (this.#at >= this.#text.length) throw new InvalidPatternError('unterminated character set')
      this.#classItem()
      first = false
    }
    this.#write(']', { repeatable: true })
  }

  #classItem(): void {
    const from = this.#classMember()
    if (!this.#take(/-[^\]]/)) return
    this.#write('-', { repeatable: false })
    const to = this.#classMember()
    if (from === undefined || to === undefined || from > to) throw new InvalidPatternError('bad character range')
  }

  /** Writes one member of a class; answers its character, `undefined` for a shorthand such as `\d`. */
  #classMember(): string | undefined {
    const shorthand = this.#take(/\\[dDwWsS]/)
    if (shorthand) {
      this.#write(shorthand[0], { repeatable: false })
      return undefined
    }
    const backspace = this.#take(/\\b/)
    const isEscape = this.#text.charAt(this.#at) === '\\'
    const { consumed, char } = backspace
      ? { consumed: backspace[0], char: '\b' }
      : isEscape
        ? this.#escapedCharacter()
        : { consumed: this.#char(), char: this.#char() }
    this.#write(literal(char), { repeatable: false }, consumed)
    return char
  }
}

const controlCharacters: Readonly<Record<string, string>> = { a: '\x07', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' }

/** A character that means only itself, in RE2 inside and outside of classes. */
const literal = (char: string): string =>
  /^[A-Za-z0-9]$/.test(char) ? char : `\\x{${(char.codePointAt(0) ?? 0).toString(16)}}`
