import { createHash, X509Certificate } from 'node:crypto'
import type { ExAppDaemonStatus } from '../../crds/exappdaemon.ts'
import { type Judgement, mergeConditions, secondsOnly } from '../cluster/conditions.ts'
import { registrationOf, tunnelAddress } from './addresses.ts'
import type { Credentials } from './desired.ts'
import { certificatesOf } from './frp-authority.ts'
import type { DaemonView } from './observe.ts'
import { httpEndpoint, registrationCommand } from './registration.ts'

/** What a check judges: what is there, and the secrets as they are now. */
export interface Judged {
  readonly view: DaemonView
  readonly credentials: Credentials
  /** Why an object of the daemon could not be made or changed. */
  readonly refusal: string | undefined
  readonly now: Date
}

type Check = (judged: Judged) => Judgement

const holds = (type: string, reason: string, message: string): Judgement => ({ type, status: 'True', reason, message })
const fails = (type: string, reason: string, message: string): Judgement => ({ type, status: 'False', reason, message })
const unknown = (type: string, reason: string, message: string): Judgement => ({ type, status: 'Unknown', reason, message })

const sharedKeyValid: Check = ({ view, credentials }) => {
  const type = 'SharedKeyValid'
  const ref = view.spec.sharedKey.secretRef
  if (!credentials.keys) {
    const what = view.givenKey ? `has no entry ${ref?.key}, or an empty one` : 'does not exist'
    return fails(type, 'SecretMissing', `Secret ${ref?.name} ${what}: put the shared key there`)
  }
  if (!/^[\x20-\x7e]+$/.test(credentials.keys.current)) {
    return fails(type, 'NotPrintable', 'the shared key has letters that an HTTP header cannot carry; use printable ASCII')
  }
  // Only before AppAPI was seen: later on anybody could raise the alarm from outside.
  const isWrong = reports(view).some(({ appApi }) => appApi.wrongKeySeen !== undefined && appApi.lastSeen === undefined) && !wasRegistered(view)
  if (isWrong) return fails(type, 'KeysDiffer', 'somebody, perhaps AppAPI, calls with another shared key: compare the key of the deploy daemon in Nextcloud with the Secret')
  return holds(type, 'Present', credentials.keys.previous === undefined ? 'the shared key is there' : 'the shared key is there; the one before is valid, too')
}

const objectsApplied: Check = ({ refusal }) =>
  refusal === undefined ? holds('ObjectsApplied', 'Applied', 'everything is as it should be') : fails('ObjectsApplied', 'Refused', refusal)

const certificatesReady: Check = ({ view, credentials, now }) => {
  const type = 'CertificatesReady'
  const { tls } = view.spec.http
  if (tls && credentials.https === undefined) {
    return fails(type, 'HttpsSecretMissing', `Secret ${tls.secretName ?? 'of the certificate'} with tls.crt and tls.key is not there yet`)
  }
  if (view.spec.frp.tls.enabled && !credentials.frpFiles) {
    const { issuerRef } = view.spec.frp.tls
    if (!view.installed.certificate) return fails(type, 'CertManagerMissing', 'spec.frp.tls.issuerRef needs cert-manager, which is not installed')
    return fails(type, 'NotIssued', `${issuerRef?.kind} ${issuerRef?.name} has not issued the certificates of tunnels yet; \`kubectl describe certificate\` says why`)
  }
  const ended = certificates(credentials).find(({ notAfter }) => new Date(notAfter) <= now)
  if (ended) return fails(type, 'Expired', `certificate ${ended.name} ended on ${ended.notAfter}`)
  return holds(type, 'Valid', view.spec.frp.tls.enabled ? 'all certificates are there and valid' : 'tunnels are not encrypted (spec.frp.tls.enabled: false)')
}

const dataPlaneAvailable: Check = ({ view }) => {
  const type = 'DataPlaneAvailable'
  const { deployment, pods } = view
  if (!deployment) return fails(type, 'NotDeployed', 'the Deployment is not there yet')
  if (deployment.replicas === 0) return fails(type, 'AtRest', 'spec.replicas is 0')
  if (deployment.availableReplicas > 0) {
    const settings = reports(view).find(({ settingsProblem }) => settingsProblem)?.settingsProblem
    return settings ? fails(type, 'SettingsRefused', settings) : holds(type, 'Available', `${deployment.availableReplicas} of ${deployment.replicas} pods are ready`)
  }
  const problem = pods.find(({ problem: words }) => words !== undefined)
  if (problem) return fails(type, 'PodNotRunning', `pod ${problem.name}: ${problem.problem}`)
  return fails(type, 'NotReady', deployment.problem ?? 'no pod is ready yet')
}

const tunnelAddressReady: Check = ({ view }) => {
  const type = 'TunnelAddressReady'
  const address = tunnelAddress(view)
  return 'missing' in address ? fails(type, 'NoAddress', address.missing) : holds(type, 'Known', `frpc dials in to ${address.endpoint}`)
}

const nextcloudReachable: Check = ({ view }) => {
  const type = 'NextcloudReachable'
  const [report] = reports(view)
  if (!report) return unknown(type, 'NotAsked', 'no pod has said whether it reaches Nextcloud')
  const { reachable, reason, message } = report.nextcloud
  return reachable ? holds(type, reason, message) : fails(type, reason, message)
}

const registered: Check = ({ view }) => {
  const type = 'Registered'
  const seen = reports(view).flatMap(({ appApi }) => appApi.lastSeen ?? []).sort().at(-1)
  if (seen !== undefined) return holds(type, 'Seen', 'AppAPI calls with the right shared key')
  // What was seen before a restart still holds: AppAPI has no reason to call while nobody deploys.
  const before = wasRegistered(view)
  if (before) return holds(type, before.reason, before.message)
  return fails(type, 'NotSeen', 'AppAPI has not called yet: run the command in status.registration.command where occ is at hand, then "Check connection" in its settings')
}

/** The document of what has to hold, in the order in which an admin mends it. */
export const checks: readonly Check[] = [sharedKeyValid, objectsApplied, certificatesReady, dataPlaneAvailable, tunnelAddressReady, nextcloudReachable, registered]

/** Whether it is registered does not make a daemon ready: that is the admin's next step. */
const decidesReady = (type: string): boolean => type !== 'Registered'

/** The daemon's status, judged from what is there. */
export function statusOf(judged: Judged): ExAppDaemonStatus {
  const { view, credentials, now } = judged
  const judgements = checks.map((check) => check(judged))
  const wrong = judgements.find(({ type, status }) => decidesReady(type) && status !== 'True')
  const ready = wrong ? fails('Ready', wrong.reason, wrong.message) : holds('Ready', 'Ready', 'visitors, ExApps and Docker Engines can connect')
  const problem = judgements.find(({ status }) => status !== 'True')
  const address = tunnelAddress(view)
  const connected = new Set(reports(view).flatMap(({ engines }) => engines.map(({ name }) => name)))
  const connectedCount = view.enginePorts.filter(({ name }) => connected.has(name)).length
  const { generation } = view.object.metadata
  return {
    ...(generation !== undefined && { observedGeneration: generation }),
    conditions: [...mergeConditions(view.status.conditions ?? [], [ready, ...judgements], { now, generation })],
    ...(problem && { problem: problem.message.slice(0, 1024) }),
    endpoints: { http: httpEndpoint(view), ...('endpoint' in address && { frp: address.endpoint }) },
    registration: { command: registrationCommand(registrationOf(view)) },
    certificates: [...certificates(credentials)],
    engines: { connected: connectedCount, total: view.enginePorts.length, ready: `${connectedCount}/${view.enginePorts.length}` },
  }
}

const wasRegistered = ({ status }: DaemonView) => status.conditions?.find(({ type, status: holdsYet }) => type === 'Registered' && holdsYet === 'True')

const reports = (view: DaemonView) => view.pods.flatMap(({ report }) => report ?? [])

/** The certificates in use, for status; the chain's first is the one that counts. */
function certificates({ authority, frpFiles, https }: Credentials): readonly { readonly name: string; readonly notAfter: string; readonly fingerprint: string }[] {
  const pems: readonly (readonly [string, string | undefined])[] = [
    ['frp-ca', authority?.authority.certPem ?? frpFiles?.['ca.crt']],
    ['frp-server', frpFiles?.['server.crt']],
    ['frp-client', frpFiles?.['client.crt']],
    ['https', https],
  ]
  return pems.flatMap(([name, pem]) => {
    const [first] = pem === undefined ? [] : certificatesOf(pem)
    if (first === undefined) return []
    const certificate = new X509Certificate(first)
    return [{ name, notAfter: secondsOnly(certificate.validToDate), fingerprint: createHash('sha256').update(certificate.raw).digest('hex') }]
  })
}
