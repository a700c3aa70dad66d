import { readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { engineToken } from '../../proxy/tunnel/tokens.ts'
import { startProcess } from '../support/peers/child-process.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))

/** The command of the manual, less the container around it. */
function documentedCommand(): string {
  const [, script = ''] = /docker exec \S+ node -e '([^']+)'/.exec(readFileSync(path.join(root, 'docs/tunnels.md'), 'utf8')) ?? []
  return script.replace('/app/', root)
}

it('the documented command prints the token of an engine, wherever the shared key comes from', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'harpoon-command-'))
  await writeFile(path.join(folder, 'key'), 'a key of its own\n')
  const expected = engineToken('a key of its own', 'deploy-daemon-1', 24_001)
  for (const key of [{ HP_SHARED_KEY_FILE: path.join(folder, 'key') }, { HP_SHARED_KEY: '"a key of its own"' }]) {
    const command = await startProcess({ program: process.execPath, args: ['-e', documentedCommand()], env: { NC_INSTANCE_URL: 'http://nextcloud', ...key } })
    expect(await command.exited).toEqual({ code: 0, signal: null })
    expect(command.standardOutput()).toBe(`${expected}\n`)
  }
  await rm(folder, { recursive: true, force: true })
})
