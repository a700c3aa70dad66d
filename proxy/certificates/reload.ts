import type { Logger } from 'pino'
import { type Certificates, type CertificateSettings, readCertificates } from './read.ts'

/** Something that serves with a certificate and takes a new one for connections to come. */
interface Served<T> {
  setTls(tls: T): void
}

export interface ReloadDeps {
  readonly log: Logger
  readonly now: () => number
  readonly tunnels: Served<Certificates['frp']>
  /** Absent when there was no HTTPS certificate at the start. */
  readonly https: Served<NonNullable<Certificates['https']>> | undefined
}

/** Takes certificates anew, without ending a connection. Broken ones are reported and the old ones stay. */
export async function reloadCertificates(certificates: Certificates, settings: CertificateSettings, { log, now, tunnels, https }: ReloadDeps): Promise<void> {
  try {
    const next = await readCertificates(settings, { log, now })
    if (settings.frpTls) tunnels.setTls(next.frp) // else they may have been made for nothing
    if (next.https) https?.setTls(next.https)
    certificates.client = next.client
    certificates.expiries = next.expiries
    if (next.https && !https) log.warn('cert.pem is new: HTTPS is served after a restart')
    log.info('certificates read again')
  } catch (error) {
    log.error({ reason: error instanceof Error ? error.message : 'unknown' }, 'certificates cannot be used, the old ones stay')
  }
}
