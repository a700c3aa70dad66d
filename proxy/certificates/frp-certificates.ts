import { join } from 'node:path'
import type { Logger } from 'pino'
import { UnusableCertificateFiles } from './errors.ts'
import type { FileProblem } from './errors.ts'
import { prepareDirectory, publishFrpFile, readFrpFile, readFrpFiles } from './frp-files.ts'
import type { FrpFile, FrpFileStates } from './frp-files.ts'
import { createKey, issueAuthority, issueCertificate, validityFrom } from './issue.ts'
import type { Validity } from './issue.ts'
import { judgeFrpFiles } from './judge.ts'
import { frpAuthorityName, frpClientName, frpServerName } from './names.ts'
import { filesToMake, unusableInputs } from './plan.ts'

/** What the FRP listener and new clients need, as PEM texts. */
export interface FrpCertificates {
  /** One CA certificate, or a bundle of those that are trusted. */
  readonly ca: string
  readonly serverCert: string
  readonly serverKey: string
  readonly clientCert: string
  readonly clientKey: string
  readonly notAfter: { readonly ca: Date; readonly server: Date; readonly client: Date }
  /** True when this start made at least one of the files. */
  readonly made: boolean
}

/** Where the files live, how long new ones are valid, and the clock (ms since 1970). */
export interface FrpCertificatesOptions {
  readonly directory: string
  readonly validityDays: number
  readonly now: () => number
  readonly log: Pick<Logger, 'info' | 'error'>
}

/**
 * Reads the certificates of the FRP listener and makes those that are missing; files that are there stay as they are.
 *
 * No lock is needed when two replicas start on one volume: every file appears whole and only once, and each is made
 * from those on the disk, so both end up with the same CA. An interrupted start is completed by the next, likewise.
 *
 * Expired or misnamed certificates are logged as errors and used: that is for an admin to renew, and everything that
 * needs no tunnel goes on. Throws UnusableCertificateFiles, MissingCertificateFiles or UnwritableCertificateDirectory.
 */
export async function ensureFrpCertificates(options: FrpCertificatesOptions): Promise<FrpCertificates> {
  const { directory, now, log } = options
  const found = await readFrpFiles(directory)
  const missing = filesToMake(found, directory)
  const files = missing.length === 0 ? found : await completeFiles(found, missing, options)
  if (missing.length > 0) log.info({ directory, files: missing }, 'made FRP certificates')

  const { unusable, doubtful, notAfter } = judgeFrpFiles(files, now())
  const { ca, server, client } = notAfter
  if (unusable.length > 0 || !ca || !server || !client) throw new UnusableCertificateFiles(inFolder(directory, unusable))
  for (const { file, reason } of inFolder(directory, doubtful)) {
    log.error({ file, reason }, 'FRP clients will not accept this certificate')
  }
  return {
    ca: pemOf(files, 'ca.crt'),
    serverCert: pemOf(files, 'server.crt'),
    serverKey: pemOf(files, 'server.key'),
    clientCert: pemOf(files, 'client.crt'),
    clientKey: pemOf(files, 'client.key'),
    notAfter: { ca, server, client },
    made: missing.length > 0,
  }
}

async function completeFiles(
  found: FrpFileStates,
  missing: readonly FrpFile[],
  { directory, validityDays, now }: FrpCertificatesOptions,
): Promise<FrpFileStates> {
  const unusable = unusableInputs(found, missing)
  if (unusable.length > 0) throw new UnusableCertificateFiles(inFolder(directory, unusable))
  const validity = validityFrom(now(), validityDays)
  await prepareDirectory(directory, missing, now())
  let files = found
  for (const file of missing) {
    await publishFrpFile(directory, file, await makeFile(file, files, validity))
    // Read back: another process may have been quicker, and what follows has to fit its file.
    files = { ...files, [file]: await readFrpFile(directory, file) }
  }
  return files
}

async function makeFile(file: FrpFile, files: FrpFileStates, validity: Validity): Promise<string> {
  if (file.endsWith('.key')) return createKey()
  if (file === 'ca.crt') return issueAuthority(pemOf(files, 'ca.key'), frpAuthorityName, validity)
  const authority = { certPem: pemOf(files, 'ca.crt'), keyPem: pemOf(files, 'ca.key') }
  const [role, name] = file === 'server.crt' ? (['server', frpServerName] as const) : (['client', frpClientName] as const)
  return issueCertificate(authority, { keyPem: pemOf(files, `${role}.key`), name, role, validity })
}

/** Called for files that were found or made a moment ago: only their removal meanwhile leads to the error. */
function pemOf(files: FrpFileStates, file: FrpFile): string {
  const found = files[file]
  if (found.state === 'present') return found.pem
  throw new UnusableCertificateFiles([{ file, reason: found.state === 'absent' ? 'has disappeared' : found.reason }])
}

function inFolder(directory: string, problems: readonly FileProblem[]): readonly FileProblem[] {
  return problems.map(({ file, reason }) => ({ file: join(directory, file), reason }))
}
