import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { definitionFile, definitionYaml, kinds } from '../crds/generate.ts'
import { generatedFiles } from './generate.ts'

describe('generated files', () => {
  it.each(kinds.map((kind) => [kind.kind, kind] as const))('are up to date for %s: otherwise run `npm run generate`', (_name, kind) => {
    expect(readFileSync(definitionFile(kind), 'utf8')).toBe(definitionYaml(kind))
  })

  it.each([...generatedFiles()])('are up to date: %s', (file, content) => {
    expect(readFileSync(new URL(`../${file}`, import.meta.url), 'utf8')).toBe(content)
  })
})
