import type { X509Certificate } from 'node:crypto'
import type { FileProblem } from './errors.ts'
import type { FrpFile, FrpFileStates } from './frp-files.ts'
import { frpServerName } from './names.ts'
import { certificatesIn, privateKeysIn } from './pem.ts'

/** What is known about a set of certificate files. */
export interface Judgement {
  /** No TLS server can start with these. */
  readonly unusable: readonly FileProblem[]
  /**
   * TLS starts, but clients that follow HaRP's instructions will not connect. An admin wants to hear of it loudly and
   * to keep everything else running: requests to ExApps without a tunnel, and clients with settings of their own.
   */
  readonly doubtful: readonly FileProblem[]
  /** Ends of validity; undefined for a certificate that cannot be read. */
  readonly notAfter: Readonly<Record<'ca' | 'server' | 'client', Date | undefined>>
}

/** Judges the five files that a data plane needs, at `now` (ms since 1970). */
export function judgeFrpFiles(files: FrpFileStates, now: number): Judgement {
  const unusable: FileProblem[] = []
  const doubtful: FileProblem[] = []

  const ca = certificatesOf('ca.crt')
  const server = certificatesOf('server.crt')
  const client = certificatesOf('client.crt')
  checkPair(server, 'server')
  checkPair(client, 'client')

  checkValidity(server.slice(0, 1), 'server.crt')
  checkValidity(client.slice(0, 1), 'client.crt')
  checkValidity(ca, 'ca.crt')
  checkIssuer(server, 'server.crt')
  checkIssuer(client, 'client.crt')
  if (ca.length > 0 && !ca.some((certificate) => certificate.ca)) doubt('ca.crt', 'is not the certificate of a CA')
  // frpc looks at alternative names only, never at the common name.
  if (server[0] && !server[0].checkHost(frpServerName, { subject: 'never' })) {
    doubt('server.crt', `is not for the name ${frpServerName} that clients ask for`)
  }

  const notAfter = { ca: lastEnd(ca), server: server[0]?.validToDate, client: client[0]?.validToDate }
  return { unusable, doubtful, notAfter }

  function doubt(file: FrpFile, reason: string): void {
    doubtful.push({ file, reason })
  }

  function textOf(file: FrpFile): string | undefined {
    const found = files[file]
    if (found.state === 'present') return found.pem
    unusable.push({ file, reason: found.state === 'absent' ? 'is missing' : found.reason })
    return undefined
  }

  function certificatesOf(file: FrpFile): readonly X509Certificate[] {
    const pem = textOf(file)
    if (pem === undefined) return []
    const certificates = certificatesIn(pem)
    if (certificates && certificates.length > 0) return certificates
    unusable.push({ file, reason: pem === '' ? 'is empty' : 'is not a PEM certificate' })
    return []
  }

  function checkPair([certificate]: readonly X509Certificate[], name: 'server' | 'client'): void {
    const pem = textOf(`${name}.key`)
    if (pem === undefined) return
    const [key] = privateKeysIn(pem) ?? []
    if (!key) {
      const reason = pem === '' ? 'is empty' : 'is not a PEM private key without pass phrase'
      unusable.push({ file: `${name}.key`, reason })
    } else if (certificate && !certificate.checkPrivateKey(key)) {
      unusable.push({ file: `${name}.key`, reason: `is not the key of ${name}.crt` })
    }
  }

  /** Several certificates are a bundle: one that is valid is enough. */
  function checkValidity(certificates: readonly X509Certificate[], file: FrpFile): void {
    if (certificates.length === 0 || certificates.some((certificate) => isValid(certificate, now))) return
    const [first] = certificates
    const begin = first?.validFromDate
    if (begin && now < begin.getTime()) doubt(file, `is not valid before ${begin.toISOString()}`)
    else doubt(file, `has expired on ${lastEnd(certificates)?.toISOString() ?? ''}`)
  }

  function checkIssuer([certificate, ...chain]: readonly X509Certificate[], file: FrpFile): void {
    if (!certificate || ca.length === 0) return
    const issuers = [...ca, ...chain]
    if (!issuers.some((issuer) => certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey))) {
      doubt(file, 'is not signed by ca.crt')
    }
  }
}

function isValid(certificate: X509Certificate, now: number): boolean {
  return certificate.validFromDate.getTime() <= now && now <= certificate.validToDate.getTime()
}

function lastEnd(certificates: readonly X509Certificate[]): Date | undefined {
  const ends = certificates.map((certificate) => certificate.validToDate.getTime())
  return ends.length === 0 ? undefined : new Date(Math.max(...ends))
}
