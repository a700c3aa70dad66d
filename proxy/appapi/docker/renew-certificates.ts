import type { ClientCertificates } from '../../certificates/client-certificates.ts'
import { isNearExpiry, renewalReason } from '../../certificates/client-renewal.ts'
import { certificatesIn } from '../../certificates/pem.ts'
import type { ClientFiles } from '../../certificates/read.ts'
import type { Logger } from '../../log.ts'
import { identify } from '../../tunnel/tokens.ts'
import type { EngineClient, OpenEngine } from './engine-client.ts'
import { ContainerFiles } from './container-files.ts'
import { exAppContainers } from './exapp-containers.ts'
import { keyVariable } from './exapp-environment.ts'
import { inspect } from './inspect.ts'
import type { DockerMetrics } from './metrics.ts'
import { readTunnelFiles, writeTunnelFiles } from './tunnel-files.ts'
import type { Turns } from './turns.ts'

/** A certificate is renewed days before its end, and a CA is replaced over weeks. */
const periodMs = 60 * 60_000

/** After the start, when engines that dial in have come back. */
const firstAfterMs = 60_000

/** Of one request to an engine. */
const limitMs = 30_000

/** Problems that `/readyz` names. */
const maxNamed = 3

export interface RenewalDeps {
  /** The engines that are there now, by AppAPI's numbers. */
  readonly enginePorts: () => readonly number[]
  readonly openEngine: OpenEngine
  readonly clientCertificates: ClientCertificates
  /** Valid now, for ExApps' tunnels. */
  readonly sharedKeys: () => readonly string[]
  readonly turns: Turns
  readonly metrics: DockerMetrics
  readonly log: Logger
  /** Wall clock in milliseconds. */
  readonly now: () => number
}

export interface CertificateRenewal {
  /** Looks at all ExApps now; calls that come while that goes on share the next look. Never throws. */
  run(): Promise<void>
  /** What could not be renewed although it had to be, for `/readyz`. */
  readonly problem: string | undefined
  close(): void
}

/**
 * Keeps the tunnel certificates of installed ExApps good: every hour, and when ours change, the containers on all engines are
 * looked at, and what is out of date is replaced through the engine. frpc reads the files when it connects the next time.
 */
export function startCertificateRenewal(deps: RenewalDeps): CertificateRenewal {
  const problems = new Map<number, readonly string[]>()
  let running: Promise<void> = Promise.resolve()
  let next: Promise<void> | undefined
  let isClosed = false

  const look = async (): Promise<void> => {
    const ours = await deps.clientCertificates.current()
    const ports = deps.enginePorts()
    for (const port of problems.keys()) if (!ports.includes(port)) problems.delete(port)
    if (ours && !isClosed) await Promise.all(ports.map((port) => lookAt(port, ours)))
  }

  const lookAt = async (port: number, ours: ClientFiles): Promise<void> => {
    try {
      const engine = await deps.openEngine(port, limitMs)
      const found: string[] = []
      for (const name of await exAppContainers(engine)) {
        if (isClosed) return
        const problem = await renew(engine, name, ours, deps)
        if (problem !== undefined) found.push(`${name}: ${problem}`)
      }
      problems.set(port, found)
    } catch (error) {
      // Problems of before stay; that the engine is not there is told to those who want something of it.
      deps.log.info({ engine: port, reason: reasonOf(error) }, 'the tunnel certificates of an engine’s ExApps could not be looked at')
    }
  }

  const run = (): Promise<void> => {
    next ??= running.then(() => {
      next = undefined
      running = look().catch((error: unknown) => deps.log.error({ err: error }, 'unexpected error while renewing certificates of ExApps'))
      return running
    })
    return next
  }

  const first = setTimeout(() => void run(), firstAfterMs)
  const timer = setInterval(() => void run(), periodMs)
  return {
    run,
    get problem() {
      const all = [...problems.values()].flat()
      if (all.length === 0) return undefined
      return [...all.slice(0, maxNamed), ...(all.length > maxNamed ? [`and ${all.length - maxNamed} more`] : [])].join('; ')
    },
    close: () => {
      isClosed = true
      clearTimeout(first)
      clearInterval(timer)
    },
  }
}

/** Renews what one ExApp has, if it has to be; answers what is wrong afterwards. */
async function renew(engine: EngineClient, name: string, ours: ClientFiles, { sharedKeys, turns, metrics, log, now }: RenewalDeps): Promise<string | undefined> {
  const files = new ContainerFiles({ engine, name, limitMs: () => limitMs, now })
  try {
    if (!(await dialsHere(engine, name, sharedKeys()))) return undefined
    // In its turn: a container that is being made must not get half of this and half of that.
    return await turns.take(`${engine.name} ${name}`, async () => {
      const installed = await readTunnelFiles(files)
      if (!installed) return undefined
      const reason = renewalReason(installed, ours, now())
      if (reason !== undefined) {
        await writeTunnelFiles(files, ours)
        metrics.renewal('renewed')
        log.info({ container: name, engine: engine.port, reason }, 'renewed the tunnel certificate of an ExApp')
      }
      return endProblem(ours, installed.cert, reason === undefined, now())
    })
  } catch (error) {
    metrics.renewal('failed')
    const reason = reasonOf(error)
    log.warn({ container: name, engine: engine.port, reason }, 'the tunnel certificate of an ExApp could not be renewed')
    return reason
  }
}

/** Whether an ExApp's tunnel is ours: an engine may hold those of another data plane as well, whose CA is another. */
async function dialsHere(engine: EngineClient, name: string, sharedKeys: readonly string[]): Promise<boolean> {
  const { container } = await inspect(engine, name, { limitMs })
  const token = container?.Config.Env?.find((variable) => variable.startsWith(keyVariable))?.slice(keyVariable.length)
  return token !== undefined && identify(token, sharedKeys, { allowSharedKey: true }) !== undefined
}

/** What is there now ends soon, and there was nothing better to give. */
function endProblem(ours: ClientFiles, theirs: string | undefined, isKept: boolean, now: number): string | undefined {
  const [certificate] = certificatesIn((isKept ? theirs : ours.cert) ?? '') ?? []
  if (!certificate || !isNearExpiry(certificate, now)) return undefined
  return `its tunnel certificate ends on ${certificate.validToDate.toISOString()} and there is none that lasts longer; renew ca.crt or client.crt`
}

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : 'unknown error')
