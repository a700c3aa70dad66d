import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, createServer } from 'node:tls'
import { promisify } from 'node:util'
import { ensureFrpCertificates } from '../../proxy/certificates/frp-certificates.ts'
import type { FrpCertificates } from '../../proxy/certificates/frp-certificates.ts'

const run = promisify(execFile)

/** A line that was logged while certificates were read or made. */
export interface LogLine {
  readonly level: 'info' | 'error'
  readonly fields: unknown
  readonly message: string | undefined
}

/** A scratch folder for certificate tests. */
export interface Scratch {
  readonly folder: string
  /** A name in the folder that nothing has used yet. */
  newDirectory(): string
  /** Calls ensureFrpCertificates at that time and keeps what it logs in `lines`, which it empties first. */
  ensure(directory: string, at: number, validityDays?: number): Promise<FrpCertificates>
  readonly lines: readonly LogLine[]
  remove(): Promise<void>
}

export async function openScratch(): Promise<Scratch> {
  const folder = await mkdtemp(join(tmpdir(), 'certificates-'))
  await chmod(folder, 0o755) // Some tests look in as another user.
  let directories = 0
  let lines: LogLine[] = []
  return {
    folder,
    newDirectory: () => {
      directories += 1
      return join(folder, String(directories))
    },
    ensure: async (directory, at, validityDays = 5000) => {
      lines = []
      const log = {
        info: (fields: unknown, message?: string) => void lines.push({ level: 'info', fields, message }),
        error: (fields: unknown, message?: string) => void lines.push({ level: 'error', fields, message }),
      }
      return ensureFrpCertificates({ directory, validityDays, now: () => at, log })
    },
    get lines() {
      return lines
    },
    remove: () => rm(folder, { recursive: true }),
  }
}

export async function openssl(...args: string[]): Promise<string> {
  return (await run('openssl', args)).stdout
}

/** Makes the files as HaRP contract §5.2 says, leftovers included; keys in both formats that OpenSSL versions write. */
export async function makeLikeHarp(directory: string): Promise<void> {
  const path = (name: string): string => join(directory, name)
  const [caKey, caCrt] = [path('ca.key'), path('ca.crt')]
  await mkdir(directory)
  await openssl('genrsa', '-out', caKey, '2048')
  await openssl('req', '-x509', '-new', '-key', caKey, '-sha256', '-days', '5000', '-subj', '/CN=harp.nc', '-out', caCrt)
  for (const [name, commonName] of [
    ['server', 'harp.nc'],
    ['client', 'harp.client.nc'],
  ] as const) {
    const [key, csr, crt] = [path(`${name}.key`), path(`${name}.csr`), path(`${name}.crt`)]
    const config = path(`${name}-openssl.cnf`)
    await writeFile(config, requestConfig(commonName))
    await openssl('genrsa', '-traditional', '-out', key, '2048')
    await openssl('req', '-new', '-key', key, '-out', csr, '-config', config)
    const signing = ['-CA', caCrt, '-CAkey', caKey, '-CAcreateserial', '-days', '5000', '-sha256']
    await openssl('x509', '-req', '-in', csr, ...signing, '-extensions', 'ext', '-extfile', config, '-out', crt)
  }
}

function requestConfig(commonName: string): string {
  return `[req]
distinguished_name = dn
req_extensions = ext
prompt = no
[dn]
CN = ${commonName}
[ext]
subjectAltName = DNS:${commonName}
`
}

/** All files of a directory with their texts. */
export async function contentsOf(directory: string): Promise<Record<string, string>> {
  const names = await readdir(directory)
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await readFile(join(directory, name), 'utf8')] as const)),
  )
}

/**
 * Lets a client shake hands with an FRP listener that demands a certificate; resolves to the client's common name as
 * the listener saw it, or to the listener's error code. The client checks the name `harp.nc`.
 */
export async function handshake(server: FrpCertificates, client: FrpCertificates): Promise<string> {
  const listener = createServer({
    ca: server.ca,
    cert: server.serverCert,
    key: server.serverKey,
    requestCert: true,
    rejectUnauthorized: true,
  })
  const verdict = new Promise<string>((resolve) => {
    listener.on('secureConnection', (socket) => {
      resolve(String(socket.getPeerCertificate().subject.CN))
      socket.destroy()
    })
    listener.on('tlsClientError', (error) => resolve('code' in error ? String(error.code) : error.message))
  })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const { port } = listener.address() as AddressInfo
  const socket = connect({ port, ca: server.ca, servername: 'harp.nc', cert: client.clientCert, key: client.clientKey })
  socket.on('error', () => {}) // The listener's view is what counts.
  try {
    return await verdict
  } finally {
    socket.destroy()
    listener.close()
  }
}

/** Runs ensureFrpCertificates in a process of its own, optionally as another user; resolves to "ok" or the error. */
export async function ensureInChildProcess(directory: string, uid?: number): Promise<string> {
  const module = new URL('../../proxy/certificates/frp-certificates.ts', import.meta.url).href
  const program = `
    const { ensureFrpCertificates } = await import(${JSON.stringify(module)})
    const log = { info() {}, error() {} }
    const options = { directory: ${JSON.stringify(directory)}, validityDays: 10, now: Date.now, log }
    console.log(await ensureFrpCertificates(options).then(() => 'ok', (error) => error.name + ': ' + error.message))`
  const user = uid === undefined ? {} : { uid, gid: uid }
  return (await run(process.execPath, ['--input-type=module', '--eval', program], user)).stdout.trim()
}
