import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { run } from '../peers/run.ts'

/** openssl takes milliseconds; a busy machine takes longer. */
const TIMEOUT_MS = 30_000

const openssl = (...args: readonly string[]): Promise<string> => run({ program: 'openssl', args }, TIMEOUT_MS)

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'] as const

/** Certificates of a control plane, all signed by one CA, in a folder of their own. */
export class Pki {
  readonly #folder: string

  private constructor(folder: string) {
    this.#folder = folder
  }

  /** Makes the CA and the key that signs service accounts' tokens. */
  static async create(folder: string): Promise<Pki> {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const pki = new Pki(folder)
    const usage = ['-addext', 'keyUsage=critical,keyCertSign,cRLSign,digitalSignature']
    await openssl('req', '-x509', ...newKey, '-keyout', pki.key('ca'), '-out', pki.cert('ca'), '-subj', '/CN=test-cluster-ca', '-days', '365', ...usage)
    await openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', pki.key('sa'))
    await openssl('ec', '-in', pki.key('sa'), '-pubout', '-out', path.join(folder, 'sa.pub'))
    return pki
  }

  cert(name: string): string {
    return path.join(this.#folder, `${name}.crt`)
  }

  key(name: string): string {
    return path.join(this.#folder, `${name}.key`)
  }

  /** The public half of the key that signs tokens. */
  get tokenKey(): string {
    return path.join(this.#folder, 'sa.pub')
  }

  /** A certificate for a program: `subject` says who it is to the API server. */
  async issue(name: string, subject: string, alternativeNames: readonly string[] = []): Promise<void> {
    const request = path.join(this.#folder, `${name}.csr`)
    const extensions = path.join(this.#folder, `${name}.ext`)
    const lines = ['keyUsage=digitalSignature,keyEncipherment', 'extendedKeyUsage=serverAuth,clientAuth']
    if (alternativeNames.length > 0) lines.push(`subjectAltName=${alternativeNames.join(',')}`)
    await writeFile(extensions, `${lines.join('\n')}\n`)
    await openssl('req', '-new', ...newKey, '-keyout', this.key(name), '-subj', subject, '-out', request)
    const ca = ['-CA', this.cert('ca'), '-CAkey', this.key('ca'), '-CAserial', path.join(this.#folder, `${name}.srl`), '-CAcreateserial']
    await openssl('x509', '-req', '-in', request, ...ca, '-days', '365', '-extfile', extensions, '-out', this.cert(name))
  }

  /** Writes a kubeconfig with which `name` reaches the API server. */
  async kubeConfig(name: string, server: string): Promise<string> {
    const file = path.join(this.#folder, `${name}.kubeconfig`)
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'test',
      clusters: [{ name: 'test', cluster: { server, 'certificate-authority': this.cert('ca') } }],
      users: [{ name, user: { 'client-certificate': this.cert(name), 'client-key': this.key(name) } }],
      contexts: [{ name: 'test', context: { cluster: 'test', user: name } }],
    }
    await writeFile(file, JSON.stringify(config), { mode: 0o600 })
    return file
  }
}
