import { openMissingNotes } from './missing-notes.ts'

/** Runs around all tests: what was skipped for want of a peer is said last, after the runner's own summary. */
export async function setup(): Promise<() => Promise<void>> {
  const notes = await openMissingNotes((text) => process.stderr.write(text))
  return notes.close
}
