import { readFileSync } from 'node:fs'
import { boolCoreTag, FAILSAFE_SCHEMA, loadAll, nullCoreTag, YAMLException } from 'js-yaml'
import { z } from 'zod'

/** An entry of a list of mappings, all of its values as they were written. */
export type Mapping = Readonly<Record<string, string>>

/** Settings as texts by the names of their variables, and what keeps the file from being used. */
export interface ConfigFile {
  readonly values: Readonly<Record<string, string>>
  /** Settings that are lists of mappings, which no variable could hold as they are. */
  readonly lists: Readonly<Record<string, readonly Mapping[]>>
  readonly problems: readonly string[]
}

/** Numbers stay the text that was written: `007` as a key, or `1e3`, must not become another text. */
const yaml = FAILSAFE_SCHEMA.withTags(boolCoreTag, nullCoreTag)

/** A flat list of settings needs no references; refusing them leaves nothing that could grow while it is read. */
const maxAliases = 0

const accepted = 'a YAML mapping of setting names to texts, numbers, true/false or lists'

const text = z.union([z.string(), z.boolean()]).transform(String)
const mapping = z.record(z.string(), z.union([text, z.null().transform(() => '')]))
const fileSchema = z.record(z.string(), z.union([text, z.array(z.string()), z.array(mapping), z.null()]))

/** Reads the YAML file of settings. A list of texts stands for the comma-separated form, `null` for "not set". Messages name no value: one is the key. */
export function readConfigFile(file: string): ConfigFile {
  const unusable = (reason: string): ConfigFile => ({ values: {}, lists: {}, problems: [`HARPOON_CONFIG: ${file} ${reason}; accepted: ${accepted}`] })
  let documents: readonly unknown[]
  try {
    documents = loadAll(readFileSync(file, 'utf8'), { schema: yaml, maxAliases })
  } catch (error) {
    // The parser's own reason may quote the file.
    if (error instanceof YAMLException) return unusable(`is no valid YAML${error.mark ? ` (line ${error.mark.line + 1})` : ''}`)
    return unusable(`cannot be read (${error instanceof Error ? ((error as NodeJS.ErrnoException).code ?? error.name) : 'unknown'})`)
  }
  if (documents.length > 1) return unusable('holds more than one document')
  const parsed = fileSchema.safeParse(documents[0] ?? {})
  if (!parsed.success) return unusable('does not hold settings')
  const values: [name: string, value: string][] = []
  const lists: [name: string, list: readonly Mapping[]][] = []
  for (const [name, value] of Object.entries(parsed.data)) {
    if (value === null) continue
    if (typeof value === 'string') values.push([name, value])
    else if (value.every((item) => typeof item === 'string')) values.push([name, value.join(',')])
    else lists.push([name, value.filter((item) => typeof item !== 'string')])
  }
  return { values: Object.fromEntries(values), lists: Object.fromEntries(lists), problems: [] }
}
