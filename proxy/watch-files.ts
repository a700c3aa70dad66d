import { stat } from 'node:fs/promises'

export interface WatchFilesOptions {
  /** Asked at each look: settings may name other files while running. */
  readonly files: () => readonly string[]
  /** Called when a file came, went or changed, and stayed so for one interval: a half-written one is not read. */
  readonly onChange: () => Promise<void>
  readonly intervalMs?: number
}

/** Seconds count; a look at a dozen files costs nothing. */
const defaultIntervalMs = 1_000

/**
 * Looks at files again and again. Mounted Secrets and ConfigMaps change by swapping links, bind-mounted files by any
 * editor's way: what they have in common is what `stat` says, not which events a file system sends.
 */
export function watchFiles({ files, onChange, intervalMs = defaultIntervalMs }: WatchFilesOptions): { close(): void } {
  let known: string | undefined
  let seen: string | undefined
  let closed = false
  let timer: NodeJS.Timeout | undefined

  const look = async (): Promise<void> => {
    const now = (await Promise.all(files().map(fingerprint))).join('\n')
    const isSettled = now === seen
    seen = now
    known ??= now
    if (isSettled && now !== known) {
      known = now
      await onChange()
    }
  }
  const again = (): void => {
    // A look that failed is followed by the next; `onChange` reports its own failures.
    look().catch(() => {}).finally(() => {
      if (!closed) timer = setTimeout(again, intervalMs).unref()
    })
  }
  again()
  return {
    close: () => {
      closed = true
      clearTimeout(timer)
    },
  }
}

async function fingerprint(file: string): Promise<string> {
  try {
    const { mtimeMs, size, ino } = await stat(file)
    return `${file} ${mtimeMs} ${size} ${ino}`
  } catch (error) {
    return `${file} ${(error as NodeJS.ErrnoException).code}`
  }
}
