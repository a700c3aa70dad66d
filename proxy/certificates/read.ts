import { join } from 'node:path'
import type { Logger } from 'pino'
import { ensureFrpCertificates } from './frp-certificates.ts'
import { type HttpsCertificate, readHttpsCertificate } from './https.ts'
import { readServerPair } from './server-pair.ts'
import { makeThrowAwayCertificate } from './throw-away.ts'

/** What a client of the tunnels has to have, as PEM texts: who it trusts, and who it is. */
export interface ClientFiles {
  readonly ca: string
  readonly cert: string
  readonly key: string
}

/** Certificates as the listeners take them. */
export interface Certificates {
  readonly frp: { readonly ca?: string; readonly cert: string; readonly key: string }
  /** What clients get; absent while tunnels have no TLS of ours. */
  client: ClientFiles | undefined
  readonly https: HttpsCertificate | undefined
  /** When each one ends, by a name for people. */
  expiries: ReadonlyMap<string, Date>
}

export interface CertificateSettings {
  readonly certificates: { readonly directory: string; readonly validityDays: number }
  readonly frpTls: boolean
}

/** Where the files of the tunnels lie. */
export const frpDirectory = ({ certificates: { directory } }: CertificateSettings): string => join(directory, 'frp')

/** The files whose change means new certificates. */
export function certificateFiles(settings: CertificateSettings): string[] {
  const frp = settings.frpTls ? ['ca.crt', 'server.crt', 'server.key', 'client.crt', 'client.key'].map((name) => join(frpDirectory(settings), name)) : []
  return [join(settings.certificates.directory, 'cert.pem'), ...frp]
}

/** Reads all certificates and makes those of the tunnels that are missing. Throws what `ensureFrpCertificates` and `readHttpsCertificate` throw. */
export async function readCertificates(settings: CertificateSettings, deps: { readonly log: Logger; readonly now: () => number }): Promise<Certificates> {
  const { directory, validityDays } = settings.certificates
  const https = await readHttpsCertificate(join(directory, 'cert.pem'))
  const ours = https ? [['https certificate', https.notAfter] as const] : []
  if (!settings.frpTls) {
    const frp = (await readServerPair(frpDirectory(settings))) ?? (await makeThrowAwayCertificate(deps.now()))
    return { frp, client: undefined, https, expiries: new Map(ours) }
  }
  const made = await ensureFrpCertificates({ directory: frpDirectory(settings), validityDays, ...deps })
  const expiries = Object.entries(made.notAfter).map(([name, notAfter]: [string, Date]) => [`frp certificate ${name}`, notAfter] as const)
  const client = { ca: made.ca, cert: made.clientCert, key: made.clientKey }
  return { frp: { ca: made.ca, cert: made.serverCert, key: made.serverKey }, client, https, expiries: new Map([...expiries, ...ours]) }
}
