import { readFile } from 'node:fs/promises'
import type { KeyObject, X509Certificate } from 'node:crypto'
import { UnusableCertificateFiles } from './errors.ts'
import { certificatesIn, privateKeysIn } from './pem.ts'
import { unreadable } from './unreadable.ts'

/** What an HTTPS listener needs, as PEM texts. */
export interface HttpsCertificate {
  /** The server's certificate first, then the rest of its chain. */
  readonly cert: string
  readonly key: string
  readonly notAfter: Date
}

/**
 * Reads chain and key from one PEM file, in any order (HaRP contract §2.1); undefined when there is no such file.
 * The file is only read, never changed (HaRP's Q23). Throws UnusableCertificateFiles.
 */
export async function readHttpsCertificate(file: string): Promise<HttpsCertificate | undefined> {
  const pem = await readWhole(file)
  if (pem === undefined) return undefined

  const certificates = certificatesIn(pem)
  const keys = privateKeysIn(pem)
  if (!certificates) throw unusable(file, 'holds a certificate that cannot be read')
  if (!keys) throw unusable(file, 'holds a private key that is broken or has a pass phrase')
  if (certificates.length === 0) throw unusable(file, 'holds no certificate')
  if (keys.length === 0) throw unusable(file, 'holds no private key; it needs the chain and the key in one file')

  const pair = matchingPair(certificates, keys)
  if (!pair) throw unusable(file, 'holds a private key that belongs to none of its certificates')
  const chain = [pair.certificate, ...certificates.filter((certificate) => certificate !== pair.certificate)]
  return {
    cert: chain.map((certificate) => certificate.toString()).join(''),
    key: pair.key.export({ type: 'pkcs8', format: 'pem' }),
    notAfter: pair.certificate.validToDate,
  }
}

async function readWhole(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    // Docker makes a directory where a mounted file does not exist on the host.
    if (code === 'EISDIR') throw unusable(file, 'is a directory, not a PEM file')
    throw unusable(file, unreadable(typeof code === 'string' ? code : undefined))
  }
}

function matchingPair(certificates: readonly X509Certificate[], keys: readonly KeyObject[]) {
  const pairs = certificates.flatMap((certificate) => keys.map((key) => ({ certificate, key })))
  return pairs.find(({ certificate, key }) => certificate.checkPrivateKey(key))
}

function unusable(file: string, reason: string): UnusableCertificateFiles {
  return new UnusableCertificateFiles([{ file, reason }])
}
