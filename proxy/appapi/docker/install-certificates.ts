import { z } from 'zod'
import type { ClientCertificates } from '../../certificates/client-certificates.ts'
import { certificateTextsIn } from '../../certificates/pem.ts'
import type { Logger } from '../../log.ts'
import { ControlApiError } from '../errors.ts'
import { ContainerFiles } from './container-files.ts'
import { statusText } from './engine-answer.ts'
import type { EngineClient } from './engine-client.ts'
import { containerKey, type Endpoint } from './endpoint.ts'
import { EngineRefusalError } from './errors.ts'
import { execAsRoot } from './exec.ts'
import { inspect } from './inspect.ts'
import { laxBoolean } from './lax.ts'
import { namesOf, namesSchema } from './names.ts'
import { plainBundle, trustStoreOf, withCertificates } from './trust-store.ts'
import { writeTunnelFiles } from './tunnel-files.ts'
import type { UntoldEffects } from './untold-effects.ts'

/** Of one request to the engine (HaRP contract §6.4). */
const requestLimitMs = 120_000

/** For all of them: AppAPI waits 180 s (its contract §3.1), and the container may have to be stopped after the last. */
const overallMs = 150_000

/** An orderly end takes an engine 10 s at most. */
const stopLimitMs = 30_000

/** Nextcloud's whole bundle, which has 226 kB without private CAs; HaRP's limit is in the way of large ones (Q34). */
const maxBodyBytes = 8 * 1024 * 1024

const schema = namesSchema.extend({
  system_certs_bundle: z.string().nullable().default(null),
  install_frp_certs: laxBoolean.default(true),
})

export interface InstallCertificatesDeps {
  readonly untold: UntoldEffects
  readonly clientCertificates: ClientCertificates
  readonly log: Logger
  /** Wall clock in milliseconds. */
  readonly now: () => number
}

/** `install_certificates`: what the ExApp's tunnel needs, and whom Nextcloud trusts (HaRP contract §6.4.4). Copies first; runs what has to run last. */
export function installCertificatesEndpoint(deps: InstallCertificatesDeps): Endpoint<z.output<typeof schema>> {
  return {
    name: 'install_certificates',
    limitMs: requestLimitMs,
    schema,
    maxBodyBytes,
    turn: (body) => namesOf(body).base,
    run: async ({ engine, body }) => {
      const names = namesOf(body)
      const deadline = performance.now() + overallMs
      const limitMs = (): number => Math.max(1, Math.min(requestLimitMs, Math.ceil(deadline - performance.now())))
      const target = { engine, name: names.container, key: containerKey(engine, names), limitMs }
      const isRunning = await checkContainer(target)
      const files = new ContainerFiles({ ...target, now: deps.now })
      const ours = body.install_frp_certs ? await deps.clientCertificates.current() : undefined
      if (ours) await writeTunnelFiles(files, ours)
      const command = await addAuthorities(files, certificateTextsIn(body.system_certs_bundle ?? ''), deps.log.child({ container: names.container }))
      if (command) await runInside({ ...target, isRunning, command }, deps)
      return { status: 204 }
    },
  }
}

interface Target {
  readonly engine: EngineClient
  readonly name: string
  readonly key: string
  readonly limitMs: () => number
}

/** Whether it runs. Throws when it is not there. */
async function checkContainer({ engine, name, limitMs }: Target): Promise<boolean> {
  const { answer, container } = await inspect(engine, name, { limitMs: limitMs() })
  if (answer.status === 404) throw new ControlApiError(404, `Container '${name}' not found.`)
  if (!container) throw new EngineRefusalError(`Failed to inspect container: ${statusText(answer)}`)
  return container.State.Running
}

/** Copies the authorities to where the distribution wants them; answers the command that takes them over, if there is one. */
async function addAuthorities(files: ContainerFiles, certificates: readonly string[], log: Logger): Promise<readonly string[] | undefined> {
  if (certificates.length === 0) return undefined
  const osRelease = (await files.read('/etc/os-release')) ?? (await files.read('/usr/lib/os-release'))
  if (!osRelease) return addToBundle(files, plainBundle, certificates, log)
  const store = trustStoreOf(osRelease.content.toString('utf8'))
  if (!store) {
    log.warn('the image is of a distribution whose trusted certificates cannot be changed: it will not trust those of Nextcloud')
    return undefined
  }
  await files.write(Object.fromEntries(certificates.map((pem, index) => [`${store.folder}/custom_ca_cert_${index}.crt`, pem])))
  for (const program of store.programs) if (await files.exists(program)) return [program, ...store.options]
  return addToBundle(files, store.bundle, certificates, log)
}

/** For images without the program that would do it, and often without a shell. */
async function addToBundle(files: ContainerFiles, bundle: string, certificates: readonly string[], log: Logger): Promise<undefined> {
  const found = await files.read(bundle)
  if (!found) {
    log.warn('the image has no trusted certificates that could be changed: it will not trust those of Nextcloud')
    return
  }
  await files.write({ [found.path]: withCertificates(found.content.toString('utf8'), certificates) })
}

type RunInside = Target & { readonly isRunning: boolean; readonly command: readonly string[] }

/** Runs a command in the container, which is started for it where needed and then stopped again: AppAPI takes a running one for a failure. */
async function runInside({ isRunning, ...target }: RunInside, { untold, log }: InstallCertificatesDeps): Promise<void> {
  const { engine, name, key, limitMs } = target
  const run = async (): Promise<void> => {
    const { problem } = await execAsRoot(target)
    if (problem !== undefined) log.warn({ container: name, command: target.command, problem }, 'the image did not take over the certificates of Nextcloud')
  }
  if (isRunning && !untold.has(key, 'started')) return run()
  untold.note(key, 'started')
  const started = await engine.call({ method: 'POST', path: `/containers/${name}/start`, limitMs: limitMs() })
  if (started.status !== 204 && started.status !== 304) throw new EngineRefusalError(`Failed to start container: ${statusText(started)}`)
  try {
    await run()
  } finally {
    await stopAgain(target, untold, log)
  }
}

/** A failure is told by what failed before it, or by the next call. */
async function stopAgain({ engine, name, key }: Target, untold: UntoldEffects, log: Logger): Promise<void> {
  try {
    const { status } = await engine.call({ method: 'POST', path: `/containers/${name}/stop`, limitMs: stopLimitMs })
    if (status === 204 || status === 304 || status === 404) untold.settle(key, 'started')
    else log.warn({ container: name, status }, 'a container that was started for its certificates could not be stopped')
  } catch (error) {
    log.warn({ container: name, reason: error instanceof Error ? error.message : 'unknown' }, 'a container that was started for its certificates could not be stopped')
  }
}
