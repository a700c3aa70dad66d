import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'

/** Names the file in which the test processes note what they skipped; set by the set-up for its children. */
const VARIABLE = 'HARPOON_MISSING_PEERS'

/** Notes that something was skipped for want of a peer. */
export async function noteMissing(note: string): Promise<void> {
  const file = process.env[VARIABLE]
  if (file) await appendFile(file, `${note}\n`)
}

/** Opens the list for this run; `close` prints it once all tests are done, after the runner's own summary. */
export async function openMissingNotes(print: (text: string) => void): Promise<{ readonly close: () => Promise<void> }> {
  const folder = await mkdtemp(path.join(tmpdir(), 'harpoon-missing-'))
  const file = path.join(folder, 'notes')
  process.env[VARIABLE] = file
  return {
    close: async () => {
      const notes = await readFile(file, 'utf8').catch(() => '')
      await rm(folder, { recursive: true, force: true })
      for (const note of new Set(notes.split('\n').filter(Boolean))) print(`NOT TESTED  ${note}\n`)
    },
  }
}
