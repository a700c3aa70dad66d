import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

const root = new URL('../../', import.meta.url)
const read = (file: string): string => readFileSync(new URL(file, root), 'utf8')

/** The rows of the table whose first cell is a number of HaRP's quirks. */
const rows = read('docs/differences-from-harp.md')
  .split('\n')
  .flatMap((line) => {
    const [, id = '', harp = '', harpoon = '', tests = ''] = line.split('|').map((cell) => cell.trim())
    return /^Q\d+$/.test(id) ? [{ id, harp, harpoon, tests: [...tests.matchAll(/`([^`]+)`/g)].map(([, file = '']) => file) }] : []
  })

/** Whether a file has a test whose title begins with this number. */
const hasTest = (file: string, id: string): boolean => new RegExp(`['"\`]${id}: `).test(read(file).replace(/^\s*(\/\/|\*|\/\*).*$/gm, ''))

describe('the table of HaRP’s quirks', () => {
  it('has each of them once, in order, with what it is', () => {
    expect(rows.map(({ id }) => id)).toEqual(Array.from({ length: 40 }, (_, index) => `Q${index + 1}`))
    for (const { harp } of rows) expect(harp).not.toBe('')
  })

  it.each(rows)('says what became of $id, and names tests that show it', ({ id, harpoon, tests }) => {
    const isLater = harpoon === 'Kubernetes'
    expect(harpoon).toMatch(/^(Closed|Kept)\b|^Kubernetes$/)
    expect(tests.length > 0).toBe(!isLater)
    expect(tests.filter((file) => !hasTest(file, id))).toEqual([])
  })
})
