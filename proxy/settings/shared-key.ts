import { readFileSync, statSync } from 'node:fs'

/** Either the key, or the variable, what is wrong and what is accepted. The key itself is never part of a message. */
export type SharedKeySetting = { readonly key: string } | { readonly problem: string }

/** The two forms of a key setting: `NAME` holds the key, `NAME_FILE` the path of a file that does. */
export interface KeySource {
  readonly name: string
  readonly value: string | undefined
  readonly file: string | undefined
}

/** Reads a key from its variable or its file, with HaRP's rules (contract §1.2) except that any printable key works. */
export function readSharedKey({ name, value, file }: KeySource): SharedKeySetting {
  if (value !== undefined && file !== undefined) return { problem: `${name}: set together with ${name}_FILE; accepted: one of the two` }
  if (value !== undefined) return checkKey(value, `${name}: the value`)
  if (file !== undefined) return readKeyFile(file, `${name}_FILE: ${file}`)
  return { problem: `${name}: not set; accepted: printable ASCII characters here, or a file that holds them in ${name}_FILE` }
}

function readKeyFile(file: string, where: string): SharedKeySetting {
  try {
    if (!statSync(file).isFile()) return { problem: `${where} is not a regular file; accepted: a file that holds the key` }
    return checkKey(readFileSync(file, 'utf8').replace(/[\r\n]+$/, ''), where)
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unreadable'
    return { problem: `${where} cannot be read (${code}); accepted: a readable file that holds the key` }
  }
}

function checkKey(written: string, where: string): SharedKeySetting {
  // Outside 0x20–0x7E the key could not travel in an HTTP header; frpc would send other bytes than AppAPI.
  if (!/^[\x20-\x7e]*$/.test(written)) {
    return { problem: `${where} has a character outside printable ASCII (a line break, a tab, an accent); accepted: characters 0x20 to 0x7E` }
  }
  const key = unquote(written)
  if (key.trim() === '') return { problem: `${where} is empty; accepted: at least one printable ASCII character that is no blank` }
  return { key }
}

/** Removes a pair of quotes that an env file or a YAML editor left around a value, first double, then single. */
export function unquote(written: string): string {
  const outer = /^"(.*)"$/s.exec(written)?.[1] ?? written
  return /^'(.*)'$/s.exec(outer)?.[1] ?? outer
}
