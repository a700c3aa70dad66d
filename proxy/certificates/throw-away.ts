import { frpServerName } from './names.ts'
import { createKey, issueAuthority, issueCertificate, validityFrom } from './issue.ts'

/** Longer than a process lives between two updates; it is made anew at each start. */
const validityDays = 5000

/**
 * A server certificate that nobody can check, for clients that speak TLS although it is switched off (frps has one as
 * well, HaRP contract §5.1). A client that pins a CA does not accept it.
 */
export async function makeThrowAwayCertificate(now: number): Promise<{ readonly cert: string; readonly key: string }> {
  const validity = validityFrom(now, validityDays)
  const [authorityKey, key] = await Promise.all([createKey(), createKey()])
  const authority = { keyPem: authorityKey, certPem: await issueAuthority(authorityKey, frpServerName, validity) }
  return { key, cert: await issueCertificate(authority, { keyPem: key, name: frpServerName, role: 'server', validity }) }
}
