import { X509Certificate } from 'node:crypto'
import { type Authority, createKey, crossSignAuthority, issueAuthority, validityFrom } from '../../proxy/certificates/issue.ts'
import { type KubernetesObject, resources } from '../cluster/resources.ts'
import { secretData } from '../cluster/secret.ts'
import { child, type DaemonIdentity } from './child.ts'
import { childNames } from './names.ts'

/** Ten years: engines get their files by hand, so a CA should not ask for that often. */
const AUTHORITY_DAYS = 3650

/** A new CA is made so long before the end of the old one; until then both are trusted and engines can be given new files. */
const ROTATE_BEFORE_DAYS = 365

const dayMs = 86_400_000

/** The CA of a daemon's tunnels as its Secret holds it, PEM texts all. */
export interface FrpAuthority extends Authority {
  /** CAs before this one that have not ended yet, newest first. */
  readonly older: string
  /** Our certificate signed by the CA before: clients that trust only that one accept us with it. Empty for the first CA. */
  readonly cross: string
}

const entries = { key: 'ca.key', cert: 'ca.crt', older: 'older-ca.crt', cross: 'cross-ca.crt' } as const

/** When the admin asks for a new CA by changing this annotation's text. */
export const ROTATE_ANNOTATION = 'harpoon.dev/rotate-ca'

/** What the Secret holds; `undefined` when it is not there or not whole. */
export function readAuthority(secret: Readonly<Record<string, string>>): FrpAuthority | undefined {
  const { [entries.key]: keyPem, [entries.cert]: certPem, [entries.older]: older = '', [entries.cross]: cross = '' } = secret
  return keyPem && certPem ? { keyPem, certPem, older, cross } : undefined
}

/** Whether a new CA is due. */
export const isRotationDue = ({ certPem }: Authority, now: Date): boolean =>
  new X509Certificate(certPem).validToDate.getTime() - now.getTime() < ROTATE_BEFORE_DAYS * dayMs

/** A first CA, or one that follows another. The name carries the year and month: two CAs of one name confuse TLS libraries. */
export async function makeAuthority(before: FrpAuthority | undefined, now: Date, unique: string): Promise<FrpAuthority> {
  const keyPem = await createKey()
  const certPem = await issueAuthority(keyPem, `harpoon-frp-ca-${now.toISOString().slice(0, 7)}-${unique}`, validityFrom(now.getTime(), AUTHORITY_DAYS))
  if (!before) return { keyPem, certPem, older: '', cross: '' }
  const older = [before.certPem, ...certificatesOf(before.older)].filter((pem) => new X509Certificate(pem).validToDate > now).join('')
  return { keyPem, certPem, older, cross: await crossSignAuthority(before, { keyPem, certPem }) }
}

/** All CAs whose clients are let in. */
export const trustBundle = ({ certPem, older }: FrpAuthority): string => certPem + older

/** The Secret that only the operator reads. `rotation` is the annotation's text that led to this CA. */
export const authoritySecret = (daemon: DaemonIdentity, { keyPem, certPem, older, cross }: FrpAuthority, rotation: string): KubernetesObject => ({
  ...child(resources.secret, daemon, { name: childNames(daemon.name).frpAuthority, annotations: { [ROTATE_ANNOTATION]: rotation } }),
  type: 'Opaque',
  data: secretData({ [entries.key]: keyPem, [entries.cert]: certPem, ...(older && { [entries.older]: older }), ...(cross && { [entries.cross]: cross }) }),
})

/** The certificates in a PEM text, one by one. */
export const certificatesOf = (pem: string): readonly string[] =>
  (pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n?/g) ?? []).map((text) => (text.endsWith('\n') ? text : `${text}\n`))
