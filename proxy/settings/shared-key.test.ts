import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { readSharedKey, unquote } from './shared-key.ts'

const folder = mkdtempSync(join(tmpdir(), 'harpoon-key-'))
afterAll(() => rmSync(folder, { recursive: true }))

function keyFile(content: string | Buffer): string {
  const file = join(folder, `key-${Math.random()}`)
  writeFileSync(file, content)
  return file
}

const charset = 'has a character outside printable ASCII (a line break, a tab, an accent); accepted: characters 0x20 to 0x7E'

describe('the shared key from its variable', () => {
  it('may hold any printable characters', () => {
    const isWrapped = (key: string): boolean => /^".*"$|^'.*'$/.test(key)
    const printable = fc.string({ unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)), minLength: 1, maxLength: 80 })
    fc.assert(
      fc.property(printable.filter((key) => key.trim() !== '' && !isWrapped(key)), (key) => {
        expect(readSharedKey({ name: 'HP_SHARED_KEY', value: key, file: undefined })).toEqual({ key })
      }),
      { numRuns: 500 },
    )
  })

  it.each([
    ['"key"', 'key'],
    ["'key'", 'key'],
    [`"'key'"`, 'key'],
    [`'"key"'`, '"key"'],
    ['""key""', '"key"'],
    ['"key', '"key'],
    ["key'", "key'"],
    ['"', '"'],
    ['a"b\\c\'d e', 'a"b\\c\'d e'],
  ])('loses a pair of quotes around it: %s', (written, key) => {
    expect(readSharedKey({ name: 'HP_SHARED_KEY', value: written, file: undefined })).toEqual({ key })
  })

  it.each(['""', "''", `"''"`, ' ', '"  "'])('Q29: is refused when nothing is left of it: %j', (written) => {
    expect(readSharedKey({ name: 'HP_SHARED_KEY', value: written, file: undefined })).toEqual({ problem: 'HP_SHARED_KEY: the value is empty; accepted: at least one printable ASCII character that is no blank' })
  })

  it.each(['geheim\n', 'ge\nheim', 'ge\theim', 'ge\rheim', 'ge\0heim', 'ge\u007Fheim', 'géheim', 'geheim🔑'])('is refused with characters outside ASCII, and not shown: %j', (written) => {
    const read = readSharedKey({ name: 'HP_SHARED_KEY', value: written, file: undefined })
    expect(read).toEqual({ problem: `HP_SHARED_KEY: the value ${charset}` })
  })

  it('is refused beside a file', () => {
    expect(readSharedKey({ name: 'HP_SHARED_KEY', value: 'geheim', file: '/run/key' })).toEqual({ problem: 'HP_SHARED_KEY: set together with HP_SHARED_KEY_FILE; accepted: one of the two' })
  })
})

describe('the shared key from a file', () => {
  it.each([
    ['key', 'key'],
    ['key\n', 'key'],
    ['key\r\n\n', 'key'],
    ['"key"\n', 'key'],
    [' a\\b"c ', ' a\\b"c '],
  ])('loses line breaks at the end and a pair of quotes: %j', (content, key) => {
    expect(readSharedKey({ name: 'HP_SHARED_KEY', value: undefined, file: keyFile(content) })).toEqual({ key })
  })

  it('is refused when the file is empty, names more lines or other characters', () => {
    const [empty, lines, binary, utf16] = ['\n\n', 'one\ntwo\n', Buffer.from([0x61, 0xff]), Buffer.from('\uFEFFkey', 'utf16le')].map(keyFile)
    const problems = [empty, lines, binary, utf16].map((file) => readSharedKey({ name: 'HP_SHARED_KEY', value: undefined, file }))
    expect(problems).toEqual([
      { problem: `HP_SHARED_KEY_FILE: ${empty} is empty; accepted: at least one printable ASCII character that is no blank` },
      { problem: `HP_SHARED_KEY_FILE: ${lines} ${charset}` },
      { problem: `HP_SHARED_KEY_FILE: ${binary} ${charset}` },
      { problem: `HP_SHARED_KEY_FILE: ${utf16} ${charset}` },
    ])
  })

  it('is refused when there is no such file, or something else', () => {
    expect(readSharedKey({ name: 'HP_SHARED_KEY', value: undefined, file: '/does/not/exist' })).toEqual({ problem: 'HP_SHARED_KEY_FILE: /does/not/exist cannot be read (ENOENT); accepted: a readable file that holds the key' })
    expect(readSharedKey({ name: 'HP_SHARED_KEY', value: undefined, file: folder })).toEqual({ problem: `HP_SHARED_KEY_FILE: ${folder} is not a regular file; accepted: a file that holds the key` })
    expect(readSharedKey({ name: 'HP_SHARED_KEY', value: undefined, file: '/dev/zero' })).toEqual({ problem: 'HP_SHARED_KEY_FILE: /dev/zero is not a regular file; accepted: a file that holds the key' })
  })
})

it('unquote removes one pair of each kind, double quotes first', () => {
  expect(['"a"', "'a'", `"'a'"`, `'"a"'`, '"a\'', 'a', '', '"'].map(unquote)).toEqual(['a', 'a', 'a', '"a"', '"a\'', 'a', '', '"'])
})
