/** Where an image keeps the authorities that its programs trust, and how an admin's are added to them. */
export interface TrustStore {
  readonly folder: string
  /** The program that takes them over, in the places where distributions have it, with what it is told. */
  readonly programs: readonly string[]
  readonly options: readonly string[]
  /** The file that TLS libraries read in the end. */
  readonly bundle: string
}

const inPath = (program: string): readonly string[] => ['/usr/sbin', '/usr/bin', '/sbin', '/bin', '/usr/local/sbin', '/usr/local/bin'].map((folder) => `${folder}/${program}`)

const debian: TrustStore = {
  folder: '/usr/local/share/ca-certificates',
  programs: inPath('update-ca-certificates'),
  options: [],
  bundle: '/etc/ssl/certs/ca-certificates.crt',
}

const redHat: TrustStore = {
  folder: '/etc/pki/ca-trust/source/anchors',
  programs: inPath('update-ca-trust'),
  options: ['extract'],
  bundle: '/etc/pki/tls/certs/ca-bundle.crt',
}

const words: readonly (readonly [TrustStore, readonly string[]])[] = [
  [debian, ['alpine', 'debian', 'ubuntu']],
  [redHat, ['centos', 'almalinux', 'rhel', 'fedora']],
]

/** Where images without a distribution, such as Go's, have their bundle if they have one. */
export const plainBundle = debian.bundle

/** By the words in its `os-release` (HaRP contract §6.4.4); `undefined` for other distributions. */
export function trustStoreOf(osRelease: string): TrustStore | undefined {
  const text = osRelease.toLowerCase()
  return words.find(([, names]) => names.some((name) => text.includes(name)))?.[0]
}

/** A bundle with the certificates that it does not have yet at its end; itself when it has them all. */
export function withCertificates(bundle: string, certificates: readonly string[]): string {
  const missing = certificates.filter((certificate) => !bundle.includes(certificate.trimEnd()))
  return missing.length === 0 ? bundle : `${bundle.trimEnd()}\n${missing.join('')}`
}
