import type { DockerEngineStatus } from '../../crds/dockerengine.ts'
import { type Judgement, mergeConditions, secondsOnly } from '../cluster/conditions.ts'
import { credentialsName } from './credentials.ts'
import type { EngineView } from './observe.ts'
import type { Assignment } from './ports.ts'

export interface JudgedEngine {
  readonly view: EngineView
  /** `undefined` when the daemon is not there. */
  readonly assignment: Assignment | undefined
  readonly now: Date
}

type Check = (judged: JudgedEngine) => Judgement

const holds = (type: string, reason: string, message: string): Judgement => ({ type, status: 'True', reason, message })
const fails = (type: string, reason: string, message: string): Judgement => ({ type, status: 'False', reason, message })

const portAssigned: Check = ({ view, assignment }) => {
  const type = 'PortAssigned'
  if (!assignment) return fails(type, 'DaemonMissing', `ExAppDaemon ${view.spec.daemonRef.name} does not exist in namespace ${view.namespace}`)
  if ('exhausted' in assignment) return fails(type, 'NoPortLeft', 'all 99 ports (24001 to 24099) are in use: delete an engine that is not needed')
  if ('takenBy' in assignment) return fails(type, 'PortTaken', `port ${assignment.port} belongs to DockerEngine ${assignment.takenBy}: ask for another one, or for none`)
  return holds(type, 'Assigned', `AppAPI knows this engine as port ${assignment.port}`)
}

const credentialsIssued: Check = ({ view }) => {
  const type = 'CredentialsIssued'
  if (view.credentials['frpc.toml'] !== undefined) return holds(type, 'Issued', `copy the entries of Secret ${credentialsName(view.name)} to the engine's host and run docker-run.sh there`)
  if (view.address && 'missing' in view.address) return fails(type, 'NoTunnelAddress', `frpc would not know where to dial: ${view.address.missing}`)
  return fails(type, 'Waiting', 'the shared key and certificates of the daemon are not there yet')
}

const connected: Check = ({ view: { tunnel } }) => {
  const type = 'Connected'
  if (tunnel) return holds(type, 'TunnelUp', `frpc ${tunnel.frpcVersion} dials in from ${tunnel.clientAddress}`)
  return fails(type, 'NoTunnel', 'its frpc has not dialled in; its log on the host says why (docker logs)')
}

const engineHealthy: Check = ({ view: { tunnel } }) => {
  const type = 'EngineHealthy'
  if (!tunnel) return { type, status: 'Unknown', reason: 'NoTunnel', message: 'without a tunnel nothing is known of the engine' }
  if (tunnel.problem !== undefined) return fails(type, 'NoAnswer', tunnel.problem)
  if (tunnel.dockerVersion === undefined) return { type, status: 'Unknown', reason: 'NotAsked', message: 'the engine has not been asked yet' }
  return holds(type, 'Answers', `Docker ${tunnel.dockerVersion} answers`)
}

/** The document of what has to hold, in the order in which an admin mends it. */
export const engineChecks: readonly Check[] = [portAssigned, credentialsIssued, connected, engineHealthy]

/** The engine's status, judged from what is there. */
export function engineStatusOf(judged: JudgedEngine): DockerEngineStatus {
  const { view, assignment, now } = judged
  const { tunnel, status: before } = view
  const judgements = engineChecks.map((check) => check(judged))
  const problem = judgements.find(({ status }) => status !== 'True')
  const { generation } = view.object.metadata
  const port = assignment && 'isNew' in assignment ? assignment.port : before.remotePort
  const lastSeen = before.connected && !tunnel ? secondsOnly(now) : before.lastSeen
  return {
    ...(generation !== undefined && { observedGeneration: generation }),
    conditions: [...mergeConditions(before.conditions ?? [], judgements, { now, generation })],
    ...(problem && { problem: problem.message.slice(0, 1024) }),
    ...(port !== undefined && { remotePort: port }),
    connected: tunnel !== undefined,
    ...(tunnel && { clientAddress: tunnel.clientAddress, frpcVersion: tunnel.frpcVersion }),
    ...(tunnel?.dockerVersion !== undefined && { dockerVersion: tunnel.dockerVersion }),
    ...(!tunnel && lastSeen !== undefined && { lastSeen }),
    ...(view.credentials['frpc.toml'] !== undefined && { credentialsSecret: credentialsName(view.name) }),
  }
}
