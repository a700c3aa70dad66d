import { createPrivateKey, createPublicKey, generateKeyPair } from 'node:crypto'
import type { webcrypto } from 'node:crypto'
import { isIP } from 'node:net'
import { promisify } from 'node:util'
import type { AuthorityKeyIdentifierExtension, Extension, Name, X509Certificate } from '@peculiar/x509'

/** When a certificate begins and ends to be valid. */
export interface Validity {
  readonly notBefore: Date
  readonly notAfter: Date
}

/** What a certificate is for: each role gets the key usages that it needs and no others. */
export type CertificateRole = 'server' | 'client'

const modulusBits = 2048 // As HaRP's own (HaRP contract §5.2).
const signing = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }

// The clock of a freshly started host may run behind: a certificate of this minute would be "not yet valid" there.
const clockToleranceMs = 60 * 60_000
const dayMs = 24 * 60 * 60_000
// The last moment a certificate can name (RFC 5280 §4.1.2.5).
const endOfTime = Date.UTC(9999, 11, 31, 23, 59, 59)

/** The validity of certificates made at `now` (ms since 1970) for so many days. */
export function validityFrom(now: number, days: number): Validity {
  return {
    notBefore: new Date(now - clockToleranceMs),
    notAfter: new Date(Math.min(now + days * dayMs, endOfTime)),
  }
}

/** Loaded only where something is issued: most starts find their files. The polyfill has to be there before the library. */
async function loadX509() {
  await import('reflect-metadata')
  return import('@peculiar/x509')
}

type X509 = Awaited<ReturnType<typeof loadX509>>

/** Makes an RSA key and returns it as PKCS#8 PEM. */
export async function createKey(): Promise<string> {
  const { privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: modulusBits })
  return privateKey.export({ type: 'pkcs8', format: 'pem' })
}

/** Signs a CA certificate with its own key; the key's PEM may be PKCS#1 or PKCS#8. */
export async function issueAuthority(keyPem: string, commonName: string, validity: Validity): Promise<string> {
  const x509 = await loadX509()
  const { privateKey, publicKey } = readKey(keyPem)
  const certificate = await x509.X509CertificateGenerator.create({
    ...validity,
    subject: named(x509, commonName),
    issuer: named(x509, commonName),
    publicKey,
    signingKey: privateKey,
    signingAlgorithm: signing,
    extensions: await authorityExtensions(x509, publicKey),
  })
  return pemOf(certificate)
}

/**
 * The certificate of a newer CA, signed by an older one: who trusts the older one only accepts with it what the newer one
 * has signed. Same name and key as the newer CA's own certificate; it does not outlive the older one.
 */
export async function crossSignAuthority(older: Authority, newer: Authority): Promise<string> {
  const x509 = await loadX509()
  const issuer = new x509.X509Certificate(older.certPem)
  const subject = new x509.X509Certificate(newer.certPem)
  const { publicKey } = readKey(newer.keyPem)
  const certificate = await x509.X509CertificateGenerator.create({
    notBefore: subject.notBefore,
    notAfter: subject.notAfter < issuer.notAfter ? subject.notAfter : issuer.notAfter,
    subject: subject.subjectName,
    issuer: issuer.subjectName,
    publicKey,
    signingKey: readKey(older.keyPem).privateKey,
    signingAlgorithm: signing,
    extensions: [...(await authorityExtensions(x509, publicKey)), await authorityKeyIdentifier(x509, issuer)],
  })
  return pemOf(certificate)
}

async function authorityExtensions(x509: X509, publicKey: webcrypto.CryptoKey): Promise<Extension[]> {
  return [
    new x509.BasicConstraintsExtension(true, undefined, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
    await x509.SubjectKeyIdentifierExtension.create(publicKey),
  ]
}

/** The CA that signs. */
export interface Authority {
  readonly certPem: string
  readonly keyPem: string
}

/** The certificate to make; its key's PEM may be PKCS#1 or PKCS#8. */
export interface CertificateWish {
  readonly keyPem: string
  readonly name: string
  /** Further names and addresses, beside `name`, under which a server is reached. */
  readonly otherNames?: readonly string[]
  readonly role: CertificateRole
  readonly validity: Validity
}

/** Signs a certificate whose common name is also its first DNS name; it never outlives its CA. */
export async function issueCertificate(authority: Authority, certificate: CertificateWish): Promise<string> {
  const x509 = await loadX509()
  const issuer = new x509.X509Certificate(authority.certPem)
  const { publicKey } = readKey(certificate.keyPem)
  const { notBefore, notAfter } = certificate.validity
  const alternativeNames = [certificate.name, ...(certificate.otherNames ?? [])].map((value) => ({ type: isIP(value) ? ('ip' as const) : ('dns' as const), value }))
  const issued = await x509.X509CertificateGenerator.create({
    notBefore,
    notAfter: notAfter < issuer.notAfter ? notAfter : issuer.notAfter,
    subject: named(x509, certificate.name),
    // The name as the CA encodes it: Go compares issuer and subject byte for byte.
    issuer: issuer.subjectName,
    publicKey,
    signingKey: readKey(authority.keyPem).privateKey,
    signingAlgorithm: signing,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      ...usagesOf(x509, certificate.role),
      new x509.SubjectAlternativeNameExtension(alternativeNames),
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
      // CA and server have the same subject; this tells OpenSSL that the server's certificate is not self-signed.
      await authorityKeyIdentifier(x509, issuer),
    ],
  })
  return pemOf(issued)
}

function usagesOf(x509: X509, role: CertificateRole): readonly Extension[] {
  const { ExtendedKeyUsage, ExtendedKeyUsageExtension, KeyUsageFlags, KeyUsagesExtension } = x509
  return role === 'server'
    ? [
        new KeyUsagesExtension(KeyUsageFlags.digitalSignature | KeyUsageFlags.keyEncipherment, true),
        new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      ]
    : [
        new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
        new ExtendedKeyUsageExtension([ExtendedKeyUsage.clientAuth]),
      ]
}

async function authorityKeyIdentifier(x509: X509, issuer: X509Certificate): Promise<AuthorityKeyIdentifierExtension> {
  const own = issuer.getExtension(x509.SubjectKeyIdentifierExtension)
  return own
    ? new x509.AuthorityKeyIdentifierExtension(own.keyId)
    : x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey)
}

/** UTF8String, as OpenSSL writes it: certificates of a re-made CA then still name it byte for byte. */
function named(x509: X509, commonName: string): Name {
  return new x509.Name([{ CN: [{ utf8String: commonName }] }])
}

function readKey(pem: string): { readonly privateKey: webcrypto.CryptoKey; readonly publicKey: webcrypto.CryptoKey } {
  const key = createPrivateKey(pem)
  return {
    privateKey: key.toCryptoKey(signing, false, ['sign']),
    publicKey: createPublicKey(key).toCryptoKey(signing, true, ['verify']),
  }
}

function pemOf(certificate: X509Certificate): string {
  return `${certificate.toString('pem').trimEnd()}\n`
}
