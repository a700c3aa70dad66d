import { join } from 'node:path'
import type { Logger } from 'pino'
import { ensureFrpCertificates } from './frp-certificates.ts'
import { type HttpsCertificate, readHttpsCertificate } from './https.ts'
import { readServerPair } from './server-pair.ts'
import { makeThrowAwayCertificate } from './throw-away.ts'

/** Certificates as the listeners take them. */
export interface Certificates {
  readonly frp: { readonly ca?: string; readonly cert: string; readonly key: string }
  readonly https: HttpsCertificate | undefined
  /** When each one ends, by a name for people. */
  expiries: ReadonlyMap<string, Date>
}

export interface CertificateSettings {
  readonly certificates: { readonly directory: string; readonly validityDays: number }
  readonly frpTls: boolean
}

/** The files whose change means new certificates. */
export function certificateFiles({ certificates: { directory }, frpTls }: CertificateSettings): string[] {
  const frp = frpTls ? ['ca.crt', 'server.crt', 'server.key'].map((name) => join(directory, 'frp', name)) : []
  return [join(directory, 'cert.pem'), ...frp]
}

/** Reads all certificates and makes those of the tunnels that are missing. Throws what `ensureFrpCertificates` and `readHttpsCertificate` throw. */
export async function readCertificates(settings: CertificateSettings, deps: { readonly log: Logger; readonly now: () => number }): Promise<Certificates> {
  const { directory, validityDays } = settings.certificates
  const https = await readHttpsCertificate(join(directory, 'cert.pem'))
  const ours = https ? [['https certificate', https.notAfter] as const] : []
  if (!settings.frpTls) {
    const frp = (await readServerPair(join(directory, 'frp'))) ?? (await makeThrowAwayCertificate(deps.now()))
    return { frp, https, expiries: new Map(ours) }
  }
  const made = await ensureFrpCertificates({ directory: join(directory, 'frp'), validityDays, ...deps })
  const expiries = Object.entries(made.notAfter).map(([name, notAfter]: [string, Date]) => [`frp certificate ${name}`, notAfter] as const)
  return { frp: { ca: made.ca, cert: made.serverCert, key: made.serverKey }, https, expiries: new Map([...expiries, ...ours]) }
}
