import { realpath } from 'node:fs/promises'
import path from 'node:path'
import type { DockerEngine } from '../support/dockerd.ts'
import { AUTHORITIES_IN_IMAGE, importImage } from '../support/image-from-files.ts'
import { requireProgram } from '../support/peers/find-program.ts'
import { run } from '../support/peers/run.ts'

/** What Dockerfile.proxy runs while it builds, besides node and npm. */
const TOOLS = ['sh', 'bash', 'env', 'ldd', 'grep', 'mkdir', 'cp', 'chmod', 'chown']

const COMMAND_TIMEOUT_MS = 60_000

/**
 * Makes an image that takes the place of `node:26-slim` where no image registry can be reached: this machine's Node and
 * npm. It carries the npm settings that this machine needs to reach its package registry, so it is for a build stage only.
 */
export async function importBuildBase(engine: DockerEngine, tag: string): Promise<void> {
  const tools = TOOLS.map((tool) => [`/bin/${tool}`, requireProgram(tool)])
  const npm = path.dirname(path.dirname(await realpath(requireProgram('npm'))))
  const [registry, authorities] = await Promise.all([npmSetting('registry'), npmSetting('cafile')])
  await importImage(engine, tag, {
    programs: { '/usr/local/bin/node': process.execPath, ...Object.fromEntries(tools) },
    files: { '/usr/local/lib/node_modules/npm': npm, ...(authorities !== undefined && { [AUTHORITIES_IN_IMAGE]: authorities }) },
    links: { '/usr/local/bin/npm': '../lib/node_modules/npm/bin/npm-cli.js', '/usr/bin/env': '../../bin/env' },
    changes: [
      'ENV PATH=/usr/local/bin:/bin',
      `ENV NODE_EXTRA_CA_CERTS=${AUTHORITIES_IN_IMAGE}`,
      ...(registry === undefined ? [] : [`ENV npm_config_registry=${registry}`]),
    ],
  })
}

/** What npm itself is set to; it looks for its settings beside the Node that runs it, which is not the project's. */
async function npmSetting(name: string): Promise<string | undefined> {
  const folders = (process.env.PATH ?? '').split(path.delimiter).filter((folder) => !folder.includes('node_modules'))
  const env = { ...process.env, PATH: folders.join(path.delimiter) }
  const value = (await run({ program: requireProgram('npm'), args: ['config', 'get', name], env }, COMMAND_TIMEOUT_MS)).trim()
  return ['null', 'undefined', ''].includes(value) ? undefined : value
}
