import { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import { type CertificateRole, createKey, issueCertificate, validityFrom } from '../../proxy/certificates/issue.ts'
import { frpClientName, frpServerName } from '../../proxy/certificates/names.ts'
import { type KubernetesObject, resources } from '../cluster/resources.ts'
import { secretData } from '../cluster/secret.ts'
import { child, type DaemonIdentity } from './child.ts'
import { certificatesOf, type FrpAuthority, trustBundle } from './frp-authority.ts'
import { childNames } from './names.ts'

/** The server's certificate is renewed by itself, so it can be short; clients' files are copied by hand or live in containers. */
const days = { server: 398, client: 3650 } as const satisfies Record<CertificateRole, number>

/** What the pods mount, by HaRP's file names. */
export type FrpFiles = Readonly<Record<'ca.crt' | 'server.crt' | 'server.key' | 'client.crt' | 'client.key', string>>

export interface CertificateWishes {
  readonly now: Date
  readonly rotateBeforeMs: number
  /** Names and addresses of the FRP Service. */
  readonly serverNames: readonly string[]
}

/** The files that hold from now on: those that are there, as long as they fit the CA, the names and the time. */
export async function nextFrpFiles(authority: FrpAuthority, current: Readonly<Record<string, string>>, wishes: CertificateWishes): Promise<FrpFiles> {
  const server = await nextPair('server', { authority, certPem: current['server.crt'], keyPem: current['server.key'], ...wishes })
  const client = await nextPair('client', { authority, certPem: current['client.crt'], keyPem: current['client.key'], ...wishes, serverNames: [] })
  return {
    'ca.crt': trustBundle(authority),
    'server.crt': server.certPem,
    'server.key': server.keyPem,
    'client.crt': client.certPem,
    'client.key': client.keyPem,
  }
}

/**
 * The files from what cert-manager has issued; `undefined` until both are there. CAs that were trusted before stay so until
 * they end: clients have certificates that they signed.
 */
export function issuedFrpFiles(issued: { readonly server: Readonly<Record<string, string>>; readonly client: Readonly<Record<string, string>> }, current: Readonly<Record<string, string>>, now: Date): FrpFiles | undefined {
  const { 'ca.crt': ca, 'tls.crt': serverCert, 'tls.key': serverKey } = issued.server
  const { 'tls.crt': clientCert, 'tls.key': clientKey } = issued.client
  if (!ca || !serverCert || !serverKey || !clientCert || !clientKey) return undefined
  const before = certificatesOf(current['ca.crt'] ?? '').filter((pem) => new X509Certificate(pem).validToDate > now)
  return {
    'ca.crt': [...new Set([...certificatesOf(ca), ...before])].join(''),
    'server.crt': serverCert,
    'server.key': serverKey,
    'client.crt': clientCert,
    'client.key': clientKey,
  }
}

interface Pair {
  readonly certPem: string
  readonly keyPem: string
}

interface PairWish extends CertificateWishes {
  readonly authority: FrpAuthority
  readonly certPem: string | undefined
  readonly keyPem: string | undefined
}

async function nextPair(role: CertificateRole, wish: PairWish): Promise<Pair> {
  const { authority, certPem, keyPem, now, serverNames } = wish
  if (certPem && keyPem && staysValid(certPem, wish)) return { certPem, keyPem }
  const newKey = await createKey()
  const name = role === 'server' ? frpServerName : frpClientName
  const issued = await issueCertificate(authority, { keyPem: newKey, name, otherNames: serverNames, role, validity: validityFrom(now.getTime(), days[role]) })
  // With the CA's cross certificate, who trusts the CA before still finds a way from this certificate to it.
  return { certPem: issued + authority.cross, keyPem: newKey }
}

/** Whether a certificate was signed by this CA, has the names, and does not end soon. */
function staysValid(chain: string, { authority, now, rotateBeforeMs, serverNames }: PairWish): boolean {
  const [first] = certificatesOf(chain)
  if (first === undefined) return false
  const certificate = new X509Certificate(first)
  const ours = new X509Certificate(authority.certPem)
  const hasNames = serverNames.every((name) => (isIP(name) ? certificate.checkIP(name) : certificate.checkHost(name, { wildcards: false })) !== undefined)
  const endsSoon = certificate.validToDate.getTime() - now.getTime() < rotateBeforeMs
  // One that ends with its CA cannot be made to last longer.
  return hasNames && certificate.verify(ours.publicKey) && (!endsSoon || certificate.validToDate >= ours.validToDate)
}

/** The Secret that the pods mount as /certs/frp. */
export const frpSecret = (daemon: DaemonIdentity, files: FrpFiles): KubernetesObject => ({
  ...child(resources.secret, daemon, { name: childNames(daemon.name).frpCertificates }),
  type: 'Opaque',
  data: secretData(files),
})

/** A certificate for one Docker Engine, which ends with its CA. */
export async function issueEngineCertificate(authority: FrpAuthority, engine: string, now: Date): Promise<Pair> {
  const keyPem = await createKey()
  const certPem = await issueCertificate(authority, { keyPem, name: engine, role: 'client', validity: validityFrom(now.getTime(), days.client) })
  return { certPem: certPem + authority.cross, keyPem }
}
