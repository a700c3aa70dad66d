import { MissingCertificateFiles } from './errors.ts'
import type { FileProblem } from './errors.ts'
import { frpFiles } from './frp-files.ts'
import type { FrpFile, FrpFileStates } from './frp-files.ts'
import { certificatesIn, privateKeysIn } from './pem.ts'

// A data plane runs without the CA key: admins may keep it elsewhere once all certificates are made.
const needed = frpFiles.filter((file) => file !== 'ca.key')

/**
 * Decides which files to make, in order, so that they fit those that are there; none of those is ever replaced.
 * Throws MissingCertificateFiles when that is impossible.
 */
export function filesToMake(files: FrpFileStates, directory: string): readonly FrpFile[] {
  const missing = needed.filter((file) => files[file].state === 'absent')
  if (missing.length === 0) return []
  refuseCertificatesWithoutKey(files, directory)

  const caKey = files['ca.key']
  if (caKey.state === 'present') return missing
  if (caKey.state === 'unreadable') {
    throw new MissingCertificateFiles(directory, missing, `ca.key, which could sign them, ${caKey.reason}`)
  }
  const signed = (['ca.crt', 'server.crt', 'client.crt'] as const).filter((file) => files[file].state !== 'absent')
  if (signed.length === 0) return ['ca.key', ...missing]
  throw new MissingCertificateFiles(
    directory,
    [...missing, 'ca.key'],
    `without ca.key nothing can be signed that fits ${signed.join(', ')}; ` +
      'put the missing files back, or move all of them away to begin with a new CA (then every client needs its new files)',
  )
}

/** An interrupted start leaves keys without certificates, never the reverse: somebody took the key away. */
function refuseCertificatesWithoutKey(files: FrpFileStates, directory: string): void {
  const lost = (['server', 'client'] as const).filter(
    (name) => files[`${name}.key`].state === 'absent' && files[`${name}.crt`].state !== 'absent',
  )
  if (lost.length === 0) return
  throw new MissingCertificateFiles(
    directory,
    lost.map((name) => `${name}.key`),
    `put it back, or remove ${lost.map((name) => `${name}.crt`).join(', ')} to have a new pair made`,
  )
}

/** What new certificates would be made from but cannot: looked at before the first file is written. */
export function unusableInputs(files: FrpFileStates, toMake: readonly FrpFile[]): readonly FileProblem[] {
  const problems: FileProblem[] = []
  const keys = (['ca', 'server', 'client'] as const).filter(
    (name) => name === 'ca' || (toMake.includes(`${name}.crt`) && !toMake.includes(`${name}.key`)),
  )
  for (const name of keys) {
    const file = files[`${name}.key`]
    if (file.state === 'unreadable') problems.push({ file: `${name}.key`, reason: file.reason })
    if (file.state !== 'present') continue
    const [key] = privateKeysIn(file.pem) ?? []
    if (key?.asymmetricKeyType !== 'rsa') {
      problems.push({ file: `${name}.key`, reason: 'is not a PEM RSA private key without pass phrase' })
    } else if (name === 'ca' && files['ca.crt'].state === 'present') {
      const [certificate] = certificatesIn(files['ca.crt'].pem) ?? []
      if (!certificate) problems.push({ file: 'ca.crt', reason: 'is not a PEM certificate' })
      else if (!certificate.checkPrivateKey(key)) problems.push({ file: 'ca.key', reason: 'is not the key of ca.crt' })
    }
  }
  if (files['ca.crt'].state === 'unreadable') problems.push({ file: 'ca.crt', reason: files['ca.crt'].reason })
  return problems
}
