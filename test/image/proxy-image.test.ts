import { randomBytes } from 'node:crypto'
import { chmod, mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { describeWithPeer } from '../support/describe-with-peer.ts'
import { dockerEngine } from '../support/dockerd.ts'
import { importBuildBase } from './build-base.ts'
import { startContainer } from './container.ts'
import type { Container } from './container.ts'

const repository = path.resolve(import.meta.dirname, '../..')
const sharedKey = `${randomBytes(12).toString('hex')}-"'$`

/** A start, a few commands inside and a stop took 5 s on two busy cores. */
const TEST_TIMEOUT_MS = 120_000

describeWithPeer('the image of the data plane', dockerEngine, ({ current, prepare, finish }) => {
  const tag = `harpoon-proxy-test:${randomBytes(4).toString('hex')}`
  const base = `${tag}-base`
  const containers: Container[] = []
  let folder = ''

  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'harpoon-image-test-'))
    await chmod(folder, 0o755)
    await writeFile(path.join(folder, 'key'), sharedKey)
  })

  prepare(async (engine) => {
    await importBuildBase(engine, base)
    const options = ['--network', 'host', '--build-arg', `NODE_IMAGE=${base}`, '--file', 'Dockerfile.proxy', '--tag', tag]
    await engine.docker(['build', ...options, '.'], { cwd: repository })
  })

  afterEach(async () => {
    for (const container of containers.splice(0)) await container.remove()
  })

  finish(async ({ docker }) => void (await docker(['image', 'rm', '--force', tag, base])))

  afterAll(() => rm(folder, { recursive: true, force: true }))

  /** As an administrator who trusts nothing would run it; the host's network, as the engine of the tests has no other. */
  async function start(...options: string[]): Promise<{ container: Container; adminUrl: string }> {
    const ports = await freePorts(4)
    const addresses = ['HP_EXAPPS_ADDRESS', 'HP_EXAPPS_HTTPS_ADDRESS', 'HP_FRP_ADDRESS', 'HARPOON_ADMIN_ADDRESS']
    const settings = addresses.map((name, index) => `${name}=127.0.0.1:${ports[index]}`)
    settings.push('NC_INSTANCE_URL=http://127.0.0.1:9', 'HP_SHARED_KEY_FILE=/run/secrets/key')
    const hardened = ['--read-only', '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges', '--network', 'host']
    const container = await startContainer(current(), [
      ...hardened,
      '--volume',
      `${path.join(folder, 'key')}:/run/secrets/key:ro`,
      '--health-interval',
      '1s',
      ...settings.flatMap((setting) => ['--env', setting]),
      ...options,
      tag,
    ])
    containers.push(container)
    return { container, adminUrl: `http://127.0.0.1:${ports[3]}` }
  }

  it('runs as an unprivileged user, without capabilities and with a read-only root file system', async () => {
    const { container, adminUrl } = await start()
    await container.healthy()
    expect((await fetch(`${adminUrl}/livez`)).status).toBe(200)
    const status = await container.evaluate(`console.log(fs.readFileSync('/proc/1/status', 'utf8'))`)
    expect(status).toMatch(/^Uid:\s+65532\s+65532\s+65532\s+65532$/m)
    expect(status).toMatch(/^CapEff:\s+0+$/m)
    expect(await container.evaluate(`try { fs.writeFileSync('/app/x', '') } catch (error) { console.log(error.code) }`)).toBe('EROFS')
  }, TEST_TIMEOUT_MS)

  it('keeps the certificates it made in its volume, readable by nobody else', async () => {
    const { container } = await start()
    await container.healthy()
    const key = await container.evaluate(
      `const { uid, mode } = fs.statSync('/certs/frp/server.key'); console.log(uid, (mode & 0o777).toString(8))`,
    )
    expect(key).toBe('65532 600')
  }, TEST_TIMEOUT_MS)

  it('takes over a certificate folder that belongs to root when it is told to run as root, still without capabilities', async () => {
    const certificates = path.join(folder, 'certificates')
    await mkdir(certificates, { mode: 0o700 })
    const { container } = await start('--user', '0:0', '--volume', `${certificates}:/certs`)
    await container.healthy()
    expect((await stat(path.join(certificates, 'frp', 'server.key'))).uid).toBe(0)
  }, TEST_TIMEOUT_MS)

  it('says which file it may not read when the folder belongs to root and it is not told so', async () => {
    const certificates = path.join(folder, 'closed')
    await mkdir(certificates, { mode: 0o700 })
    const { container } = await start('--volume', `${certificates}:/certs`)
    await current().docker(['wait', container.id])
    expect(await container.inspect('{{.State.ExitCode}}')).toBe('1')
    expect(await container.logs()).toMatch(/\/certs\/.*cannot be read \(EACCES\) by user 65532: start it as the user who owns the file/)
  }, TEST_TIMEOUT_MS)

  it('ends with exit code 0 before Docker loses patience when it is told to stop', async () => {
    const { container } = await start()
    await container.healthy()
    await current().docker(['stop', '-t', '10', container.id])
    expect(await container.inspect('{{.State.Status}} {{.State.ExitCode}}')).toBe('exited 0')
  }, TEST_TIMEOUT_MS)

  it('shows the shared key neither in its log nor in what Docker tells about the container', async () => {
    const { container } = await start()
    await container.healthy()
    expect(await container.logs()).not.toContain(sharedKey)
    expect(await current().docker(['inspect', container.id])).not.toContain(sharedKey)
  }, TEST_TIMEOUT_MS)

  it('says what is missing and ends with exit code 1 without settings', async () => {
    const container = await startContainer(current(), [tag])
    containers.push(container)
    await current().docker(['wait', container.id])
    expect(await container.inspect('{{.State.ExitCode}}')).toBe('1')
    expect(await container.logs()).toContain('HP_SHARED_KEY')
  }, TEST_TIMEOUT_MS)

  it('holds node and the program, but no shell, no package manager, no compiler and no tests', async () => {
    const listFiles = `for (const folder of fs.readdirSync('/')) {
      if (['proc', 'sys', 'dev', '.dockerenv'].includes(folder)) continue
      for (const name of fs.readdirSync('/' + folder, { recursive: true })) console.log(folder + '/' + name)
    }`
    const names = (await current().docker(['run', '--rm', '--network', 'none', tag, 'node', '-e', listFiles])).split('\n')
    expect(names).toContain('app/proxy/main.ts')
    expect(names).toContain('app/node_modules/fastify/package.json')
    expect(names.filter((name) => /(^|\/)(usr\/local\/bin|bin|sbin)\/[^/]+$/.test(name) && !name.startsWith('app/'))).toEqual(['usr/local/bin/node'])
    expect(names.filter((name) => /^app\/(proxy\/.*\.test\.ts|node_modules\/(npm|vitest|typescript|oxlint|node))$/.test(name))).toEqual([])
  }, TEST_TIMEOUT_MS)

  it('brings the program compiled, for the user that it runs as', async () => {
    const { container } = await start('--env', 'NODE_DEBUG_NATIVE=COMPILE_CACHE')
    await container.healthy()
    expect(await container.logs()).toContain('V8 code cache for ESM file:///app/proxy/run.ts was accepted')
  }, TEST_TIMEOUT_MS)

  it('carries nothing of the machine that built it', async () => {
    const { docker } = current()
    expect(JSON.parse(await docker(['inspect', '--format', '{{json .Config.Env}}', tag]))).toEqual([
      'PATH=/usr/local/bin',
      'NODE_ENV=production',
    ])
    expect(await docker(['history', '--no-trunc', tag])).not.toMatch(/npm_config|registry|secret/i)
  }, TEST_TIMEOUT_MS)
})

/** Ports that are free now: a container cannot tell which one it was given. */
async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, () =>
      new Promise<ReturnType<typeof createServer>>((resolve, reject) => {
        const server = createServer().once('error', reject)
        server.listen(0, '127.0.0.1', () => resolve(server))
      }),
    ),
  )
  const ports = servers.map((server) => {
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('a TCP server has a port')
    return address.port
  })
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}
