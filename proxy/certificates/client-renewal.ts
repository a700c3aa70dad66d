import type { X509Certificate } from 'node:crypto'
import { certificatesIn, privateKeysIn } from './pem.ts'
import type { ClientFiles } from './read.ts'

const dayMs = 24 * 60 * 60_000

/** Time enough for an admin to see that a renewal fails, and to do something about it. */
const renewBeforeMs = 30 * dayMs

/** Certificates that live shorter are renewed in their last third. */
const renewBeforeShare = 1 / 3

/** Why what a client has should be replaced by what it would get now. */
export type RenewalReason =
  | 'it cannot be read'
  | 'its key is another one’s'
  | 'it ends soon'
  | 'its CA is being replaced'
  | 'it trusts other CAs'

/** What a client was given, as far as it is still there. */
export type InstalledFiles = { readonly [name in keyof ClientFiles]: string | undefined }

/** Whether a certificate is near its end, at `now` (ms since 1970). */
export function isNearExpiry({ validFromDate, validToDate }: X509Certificate, now: number): boolean {
  const lifetimeMs = validToDate.getTime() - validFromDate.getTime()
  return validToDate.getTime() - now < Math.min(renewBeforeMs, lifetimeMs * renewBeforeShare)
}

/** Judges what a client has against what it would get; `undefined`: there is nothing to renew, or nothing would be better. */
export function renewalReason(installed: InstalledFiles, ours: ClientFiles, now: number): RenewalReason | undefined {
  const [theirs] = certificatesIn(installed.cert ?? '') ?? []
  const [fresh] = certificatesIn(ours.cert) ?? []
  const [key] = privateKeysIn(installed.key ?? '') ?? []
  if (!fresh) return undefined
  if (!theirs || !key) return 'it cannot be read'
  if (!theirs.checkPrivateKey(key)) return 'its key is another one’s'
  const authorities = certificatesIn(ours.ca) ?? []
  if (issuerOf(theirs, authorities) !== issuerOf(fresh, authorities)) return 'its CA is being replaced'
  if (isNearExpiry(theirs, now) && theirs.validToDate < fresh.validToDate) return 'it ends soon'
  return fingerprints(installed.ca ?? '') === fingerprints(ours.ca) ? undefined : 'it trusts other CAs'
}

/** The one of these CAs that has signed a certificate, if any. */
export function issuerOf(certificate: X509Certificate, authorities: readonly X509Certificate[]): X509Certificate | undefined {
  return authorities.find((authority) => certificate.checkIssued(authority) && certificate.verify(authority.publicKey))
}

const fingerprints = (pem: string): string => (certificatesIn(pem) ?? []).map(({ fingerprint256 }) => fingerprint256).sort().join()
