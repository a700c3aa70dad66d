import { randomBytes } from 'node:crypto'
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { startProcess } from './peers/child-process.ts'
import type { ChildProcess } from './peers/child-process.ts'
import { ensureDebianProgram } from './peers/debian.ts'
import { acquireLock } from './peers/lock.ts'
import { MissingPeer } from './peers/missing.ts'
import { run } from './peers/run.ts'

/** A real Docker Engine. */
export interface DockerEngine {
  readonly socketPath: string
  /** The newest API version that it speaks, such as `1.41`. */
  readonly apiVersion: string
  /** Runs the `docker` command against it and gives its standard output; rejects on an exit code other than 0. */
  readonly docker: (args: readonly string[], options?: DockerCommandOptions) => Promise<string>
  /** Ends it with all its containers when it is ours; one that ran before goes on. */
  readonly stop: () => Promise<void>
}

/** How to run one `docker` command. */
export interface DockerCommandOptions {
  readonly timeoutMs?: number
  readonly cwd?: string
  /** Also gives what the command wrote to its standard error; a container's log comes on both. */
  readonly withErrors?: boolean
}

const SYSTEM_SOCKET = '/var/run/docker.sock'

/** Starts took 0.4 s; the rest is room for a busy machine. */
const START_TIMEOUT_MS = 60_000

/** Building an image downloads the npm packages. */
const COMMAND_TIMEOUT_MS = 5 * 60_000

const FOLDER_PREFIX = 'harpoon-docker-'

/**
 * The engine behind /var/run/docker.sock where one answers, otherwise one of our own, installed first when needed.
 * Ours makes no network and no firewall rule: its containers use the host's network or none.
 * @throws MissingPeer when there is none and only root on Linux could start one
 */
export async function ensureDocker(): Promise<DockerEngine> {
  const running = await readApiVersion(SYSTEM_SOCKET)
  if (running !== undefined) return engine(SYSTEM_SOCKET, running, await ensureCommandLine(), async () => {})
  if (process.platform !== 'linux' || process.getuid?.() !== 0) {
    throw new MissingPeer('Docker Engine', `none answers at ${SYSTEM_SOCKET}, and only root on Linux can start one: start Docker`)
  }
  const program = await ensureDebianProgram('dockerd', 'docker.io', 'the tests against a real Docker Engine')
  return startEngine(program, await ensureCommandLine())
}

/** Debian 12's engine brings the command line; from 13 on it is a package of its own. */
export function ensureCommandLine(): Promise<string> {
  return ensureDebianProgram('docker', 'docker-cli', 'the tests against a real Docker Engine')
}

async function startEngine(program: string, commandLine: string): Promise<DockerEngine> {
  await removeAbandoned(FOLDER_PREFIX)
  const folder = path.join(tmpdir(), `${FOLDER_PREFIX}${randomBytes(6).toString('hex')}`)
  const lock = await acquireLock(folder, 0)
  await mkdir(folder, { mode: 0o700 })
  const socketPath = path.join(folder, 'docker.sock')
  await writeFile(path.join(folder, 'daemon.json'), '{}') // not the machine's own settings
  await mkdir('/run/containerd', { recursive: true })
  const cleanUp = async () => {
    await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
    lock.release()
  }
  const daemon = await startProcess({ program: 'unshare', args: [...NAMESPACES, program, ...daemonArguments(folder)], cleanUp })
  const apiVersion = await waitUntilReady(socketPath, daemon)
  const engineOfOurs = engine(socketPath, apiVersion, commandLine, async () => {
    try {
      const containers = (await engineOfOurs.docker(['ps', '--all', '--quiet'])).split('\n').filter(Boolean)
      // Removed one by one so that the engine also takes away their cgroups, which outlive the processes.
      if (containers.length > 0) await engineOfOurs.docker(['rm', '--force', '--volumes', ...containers])
    } finally {
      daemon.kill('SIGKILL')
      await daemon.exited
    }
  })
  return engineOfOurs
}

/**
 * Runs the daemon as process 1 of its own process and mount namespaces: whoever kills it, even the reaper after a
 * killed test run, ends containerd, every container and every mount with it, so nothing stale is left to stop a later run.
 */
const NAMESPACES = [
  '--mount', '--pid', '--fork', '--kill-child', '--mount-proc',
  '/bin/sh', '-c', 'mount -t tmpfs none /run/containerd && if command -v tini >/dev/null; then exec tini -s -- "$@"; fi; exec "$@"', 'sh',
]

function daemonArguments(folder: string): string[] {
  const inFolder = (name: string) => path.join(folder, name)
  return [
    '--config-file', inFolder('daemon.json'),
    '--host', `unix://${inFolder('docker.sock')}`,
    '--data-root', inFolder('data'),
    '--exec-root', inFolder('exec'),
    '--pidfile', inFolder('docker.pid'),
    '--exec-opt', 'native.cgroupdriver=cgroupfs',
    '--bridge=none', '--iptables=false', '--ip6tables=false', '--ip-forward=false', '--ip-masq=false', '--userland-proxy=false',
  ]
}

/** The API version of an engine that is starting, as soon as it answers; ends the process when it does not. */
export async function waitUntilReady(socketPath: string, daemon: ChildProcess): Promise<string> {
  const deadline = Date.now() + START_TIMEOUT_MS
  let ended = false
  void daemon.exited.then(() => (ended = true))
  for (;;) {
    const apiVersion = await readApiVersion(socketPath)
    if (apiVersion !== undefined) return apiVersion
    if (ended || Date.now() > deadline) {
      daemon.kill('SIGKILL')
      await daemon.exited
      throw new Error(`the engine ${ended ? 'ended while starting' : 'did not answer'}:\n${daemon.output().slice(-4000)}`)
    }
    await delay(50)
  }
}

/** Removes the folders of engines whose test run was killed; that of a live one is locked. */
export async function removeAbandoned(prefix: string): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    if (!name.startsWith(prefix)) continue
    const folder = path.join(tmpdir(), name)
    const lock = await acquireLock(folder, 0).catch(() => undefined)
    if (lock) await rm(folder, { recursive: true, force: true })
    lock?.release()
  }
}

/** The API version of the engine at a socket, or undefined when none answers. */
function readApiVersion(socketPath: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const ask = request({ socketPath, path: '/version', timeout: 5_000 }, (response) => {
      response.setEncoding('utf8')
      let body = ''
      response.on('data', (text: string) => (body += text))
      response.on('end', () => resolve(/"ApiVersion":"([\d.]+)"/.exec(body)?.[1]))
      response.on('error', () => resolve(undefined))
    })
    ask.on('timeout', () => ask.destroy())
    ask.on('error', () => resolve(undefined))
    ask.end()
  })
}

/** An engine at a socket, and the `docker` command to drive it with. */
export function engine(socketPath: string, apiVersion: string, program: string, stop: () => Promise<void>): DockerEngine {
  return {
    socketPath,
    apiVersion,
    stop,
    docker: (args, { timeoutMs = COMMAND_TIMEOUT_MS, cwd, withErrors = false } = {}) => {
      // The classic builder: Debian's engine comes without BuildKit's client.
      const env = { DOCKER_HOST: `unix://${socketPath}`, DOCKER_BUILDKIT: '0', DOCKER_CONFIG: '/nonexistent' }
      return run({ program, args, env, ...(cwd !== undefined && { cwd }) }, timeoutMs, withErrors ? 'output' : 'standardOutput')
    },
  }
}

/** For `describeWithPeer`: an engine for the suite. */
export const dockerEngine = { name: 'a Docker Engine', ensure: ensureDocker, stop: (running: DockerEngine) => running.stop() }
