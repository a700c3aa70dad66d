import type { EngineClient } from './engine-client.ts'
import type { Container } from './inspect.ts'
import { textOfLog } from './log-frames.ts'
import { createRedactor } from './redact.ts'

/** The reason of a start that failed is shown in one line of Nextcloud's log. */
const maxLines = 10
const maxLineLength = 300

/** For the log alone: the answer is known already. */
const limitMs = 5_000

export interface LastWordsOptions {
  readonly engine: EngineClient
  readonly name: string
  readonly container: Container
  readonly sharedKeys: readonly string[]
}

/** What a container that ended said last, with its exit code and without its secrets: ` (exit code 1): line | line`. Empty when there is nothing. */
export async function lastWords({ engine, name, container, sharedKeys }: LastWordsOptions): Promise<string> {
  const code = container.State.ExitCode
  const lines = await lastLines(engine, name, container, createRedactor(container.Config.Env ?? [], sharedKeys))
  return `${code === undefined ? '' : ` (exit code ${code})`}${lines.length === 0 ? '' : `: ${lines.join(' | ')}`}`
}

async function lastLines(engine: EngineClient, name: string, container: Container, redact: (text: string) => string): Promise<readonly string[]> {
  const query = { stdout: 'true', stderr: 'true', tail: String(maxLines) }
  try {
    const { status, body } = await engine.call({ method: 'GET', path: `/containers/${name}/logs`, query, limitMs })
    if (status !== 200) return []
    // Before anything is cut: half a secret would no longer be recognised.
    const lines = redact(textOfLog(body, container.Config.Tty)).split(/\r?\n/)
    return lines.map(shortened).filter((line) => line !== '').slice(-maxLines)
  } catch {
    return [] // an engine that is lost now has said what matters already; the verdict stands without the log
  }
}

/** Without what would move a terminal's cursor. */
function shortened(line: string): string {
  const plain = line.replaceAll(/\p{Cc}/gu, ' ').trim()
  return plain.length <= maxLineLength ? plain : `${plain.slice(0, maxLineLength)}…`
}
