import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { firstFileIn, tarOf } from './tar.ts'

const run = promisify(execFile)
const modified = Date.UTC(2026, 0, 2, 3, 4, 5)

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'harpoon-tar-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

describe('an archive of ours', () => {
  it.each([0, 1, 511, 512, 513, 1024, 100_000])('is unpacked by tar with every byte of a file of %i', async (length) => {
    const content = Buffer.alloc(length, 'harpoon')
    const archive = path.join(folder, `out-${length}.tar`)
    await writeFile(archive, tarOf([{ name: 'a' }, { name: 'a/b' }, { name: 'a/b/file', content }, { name: 'é', content: 'text' }], modified))
    const { stdout } = await run('tar', ['--list', '--verbose', '--numeric-owner', '--utc', '--file', archive])
    expect(stdout.trimEnd().split('\n').map((line) => line.replaceAll(/ +/g, ' '))).toEqual([
      'drwxr-xr-x 0/0 0 2026-01-02 03:04 a/',
      'drwxr-xr-x 0/0 0 2026-01-02 03:04 a/b/',
      `-rw-r--r-- 0/0 ${length} 2026-01-02 03:04 a/b/file`,
      expect.stringMatching(/^-rw-r--r-- 0\/0 4 /),
    ])
    const target = await mkdtemp(path.join(folder, 'in-'))
    await run('tar', ['--extract', '--file', archive, '-C', target])
    expect((await readFile(path.join(target, 'a/b/file'))).equals(content)).toBe(true)
    expect((await stat(path.join(target, 'a/b/file'))).mtimeMs).toBe(modified)
  })

  it('may have no name that does not fit', () => {
    expect(() => tarOf([{ name: 'x'.repeat(100), content: '' }], modified)).toThrow(RangeError)
    expect(() => tarOf([{ name: 'é'.repeat(50), content: '' }], modified)).toThrow(RangeError)
  })
})

describe('an archive of an engine', () => {
  it.each(['ustar', 'pax', 'gnu'])('in format %s gives its file', async (format) => {
    const name = `${'long-name-'.repeat(12)}${format}`
    await writeFile(path.join(folder, name), 'content\n')
    const { stdout } = await run('tar', ['--create', `--format=${format}`, '--file', '-', '-C', folder, format === 'ustar' ? 'out-0.tar' : name], { encoding: 'buffer', maxBuffer: 1e8 })
    const expected = format === 'ustar' ? await readFile(path.join(folder, 'out-0.tar')) : Buffer.from('content\n')
    expect(firstFileIn(stdout)?.equals(expected)).toBe(true)
  })

  it('of a link or a folder has none', async () => {
    await symlink('out-0.tar', path.join(folder, 'link'))
    for (const name of ['link', '.'])
      expect(firstFileIn((await run('tar', ['--create', '--file', '-', '--no-recursion', '-C', folder, name], { encoding: 'buffer' })).stdout)).toBeUndefined()
  })

  it('that is none, or not whole, has none', () => {
    const whole = tarOf([{ name: 'a', content: 'x'.repeat(600) }], modified)
    expect(firstFileIn(whole)).toHaveLength(600)
    for (let cut = 0; cut < 512 + 600; cut += 37) expect(firstFileIn(whole.subarray(0, cut))).toBeUndefined()
    expect(firstFileIn(Buffer.alloc(2048))).toBeUndefined()
    expect(firstFileIn(Buffer.from('no archive'.repeat(200)))).toBeUndefined()
  })
})
