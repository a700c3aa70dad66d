import { randomBytes } from 'node:crypto'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type DockerEngine, engine, ensureCommandLine, removeAbandoned, waitUntilReady } from './dockerd.ts'
import { startProcess } from './peers/child-process.ts'
import { ensureDebianProgram } from './peers/debian.ts'
import { acquireLock } from './peers/lock.ts'
import { MissingPeer } from './peers/missing.ts'

const FOLDER_PREFIX = 'harpoon-podman-'

/** Podman's own defaults ask for more than root of a container may have. */
const SETTINGS = `[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
`

/** As process 1 of namespaces of its own: whoever kills it ends every container and every mount with it. */
const NAMESPACES = [
  '--mount', '--pid', '--fork', '--kill-child', '--mount-proc',
  '/bin/sh', '-c', 'if command -v tini >/dev/null; then exec tini -s -- "$@"; fi; exec "$@"', 'sh',
]

/**
 * Podman behind its Docker API, installed first when needed; its containers use the host's network or none. It speaks plain HTTP
 * with `plainRegistry` (`host:port`), as Docker does with every registry on loopback.
 * @throws MissingPeer where only root on Linux could start it
 */
export async function ensurePodman({ plainRegistry }: { readonly plainRegistry?: string } = {}): Promise<DockerEngine> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) {
    throw new MissingPeer('Podman', 'only root on Linux can start one for the tests')
  }
  const program = await ensureDebianProgram('podman', 'podman', 'the tests against a real Podman')
  const commandLine = await ensureCommandLine()
  await removeAbandoned(FOLDER_PREFIX)
  const folder = path.join(tmpdir(), `${FOLDER_PREFIX}${randomBytes(6).toString('hex')}`)
  const lock = await acquireLock(folder, 0)
  await mkdir(folder, { mode: 0o700 })
  const inFolder = (name: string): string => path.join(folder, name)
  await writeFile(inFolder('containers.conf'), SETTINGS)
  await writeFile(inFolder('registries.conf'), plainRegistry === undefined ? '' : `[[registry]]\nlocation = "${plainRegistry}"\ninsecure = true\n`)
  const socketPath = inFolder('podman.sock')
  const service = await startProcess({
    program: 'unshare',
    args: [...NAMESPACES, program, '--root', inFolder('root'), '--runroot', inFolder('run'), '--tmpdir', inFolder('tmp'), '--storage-driver', 'vfs', 'system', 'service', '--time=0', `unix://${socketPath}`],
    env: { ...process.env, CONTAINERS_CONF: inFolder('containers.conf'), CONTAINERS_REGISTRIES_CONF: inFolder('registries.conf') },
    cleanUp: async () => {
      await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
      lock.release()
    },
  })
  const apiVersion = await waitUntilReady(socketPath, service)
  const podman = engine(socketPath, apiVersion, commandLine, async () => {
    try {
      const containers = (await podman.docker(['ps', '--all', '--quiet'])).split('\n').filter(Boolean)
      if (containers.length > 0) await podman.docker(['rm', '--force', '--volumes', ...containers])
    } finally {
      service.kill('SIGKILL')
      await service.exited
    }
  })
  return podman
}

/** For `describeWithPeer`: a Podman for the suite. */
export const podmanEngine = { name: 'Podman', ensure: () => ensurePodman(), stop: (running: DockerEngine) => running.stop() }
