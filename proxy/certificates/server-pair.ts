import { readFrpFile } from './frp-files.ts'
import { certificatesIn, privateKeysIn } from './pem.ts'

/**
 * The server certificate that was made while TLS was on, if it is still there and good. With TLS switched off it serves
 * clients that were set up before: they pin its CA, and would never accept another one (HaRP's Q21).
 */
export async function readServerPair(directory: string): Promise<{ readonly cert: string; readonly key: string } | undefined> {
  const [cert, key] = await Promise.all([readFrpFile(directory, 'server.crt'), readFrpFile(directory, 'server.key')])
  if (cert.state !== 'present' || key.state !== 'present') return undefined
  const [certificate] = certificatesIn(cert.pem) ?? []
  const [privateKey] = privateKeysIn(key.pem) ?? []
  return certificate && privateKey && certificate.checkPrivateKey(privateKey) ? { cert: cert.pem, key: key.pem } : undefined
}
