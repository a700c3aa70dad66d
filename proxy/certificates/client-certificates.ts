import type { X509Certificate } from 'node:crypto'
import type { Logger } from 'pino'
import { isNearExpiry, issuerOf } from './client-renewal.ts'
import { readFrpFile } from './frp-files.ts'
import { type Authority as SigningAuthority, createKey, issueCertificate, validityFrom } from './issue.ts'
import { frpClientName } from './names.ts'
import { certificatesIn, privateKeysIn } from './pem.ts'
import type { ClientFiles } from './read.ts'

export interface ClientCertificatesDeps {
  /** What is in the files now; absent while tunnels have no TLS of ours. */
  readonly files: () => ClientFiles | undefined
  /** Where `ca.key` lies, if it does. */
  readonly directory: string
  readonly validityDays: number
  /** Wall clock in milliseconds. */
  readonly now: () => number
  readonly log: Pick<Logger, 'info'>
}

/**
 * What ExApps get: the client certificate of the files, one for all as with HaRP (contract §5.2), and near its end a fresh one
 * that the same CA signs, kept while this process lives. The files stay as they are: they are the admin's.
 */
export class ClientCertificates {
  readonly #deps: ClientCertificatesDeps
  #issued: ClientFiles | undefined
  #issuing: Promise<void> | undefined

  constructor(deps: ClientCertificatesDeps) {
    this.#deps = deps
  }

  /** The best that there is; `undefined`: ExApps need none. */
  async current(): Promise<ClientFiles | undefined> {
    const files = this.#deps.files()
    if (!files) return undefined
    const authority = await this.#authority(files.ca)
    if (this.#isGood(files, authority)) return files
    if (this.#issued?.ca !== files.ca || !this.#isGood(this.#issued, authority)) await this.#renew(files.ca, authority)
    const issued = this.#issued?.ca === files.ca ? this.#issued : undefined
    // A CA near its own end signs for no longer than it has left: then what ends later is the better of the two.
    return issued && (this.#isGood(issued, authority) || endOf(issued) >= endOf(files)) ? issued : files
  }

  /** The CA that we can sign with. An admin who keeps its key elsewhere renews the files. */
  async #authority(ca: string): Promise<Authority | undefined> {
    const file = await readFrpFile(this.#deps.directory, 'ca.key')
    if (file.state !== 'present') return undefined
    const [key] = privateKeysIn(file.pem) ?? []
    const certificate = key && (certificatesIn(ca) ?? []).find((candidate) => candidate.checkPrivateKey(key))
    return certificate && { certificate, certPem: certificate.toString(), keyPem: file.pem }
  }

  /** It lasts, and is from the CA that signs now: in a bundle, the others are being replaced. */
  #isGood({ cert }: ClientFiles, authority: Authority | undefined): boolean {
    const [certificate] = certificatesIn(cert) ?? []
    if (!certificate || isNearExpiry(certificate, this.#deps.now())) return false
    return !authority || issuerOf(certificate, [authority.certificate]) !== undefined
  }

  /** Callers that come together share one. */
  async #renew(ca: string, authority: Authority | undefined): Promise<void> {
    if (!authority) return
    this.#issuing ??= this.#issue(ca, authority).finally(() => {
      this.#issuing = undefined
    })
    await this.#issuing
  }

  async #issue(ca: string, authority: Authority): Promise<void> {
    const { validityDays, now, log } = this.#deps
    const key = await createKey()
    const cert = await issueCertificate(authority, { keyPem: key, name: frpClientName, role: 'client', validity: validityFrom(now(), validityDays) })
    this.#issued = { ca, cert, key }
    log.info('issued a client certificate for the tunnels of ExApps')
  }
}

interface Authority extends SigningAuthority {
  readonly certificate: X509Certificate
}

const endOf = ({ cert }: ClientFiles): number => (certificatesIn(cert) ?? [])[0]?.validToDate.getTime() ?? 0
