/** One file that cannot be used as it is, and why; a reason never quotes the file. */
export interface FileProblem {
  readonly file: string
  readonly reason: string
}

/** Files are there, but no TLS server can work with them. */
export class UnusableCertificateFiles extends Error {
  override readonly name = 'UnusableCertificateFiles'
  readonly problems: readonly FileProblem[]

  constructor(problems: readonly FileProblem[]) {
    super(problems.map(({ file, reason }) => `${file}: ${reason}`).join('; '))
    this.problems = problems
  }
}

/** Files are absent, and none could be made that fits the others. */
export class MissingCertificateFiles extends Error {
  override readonly name = 'MissingCertificateFiles'
  readonly missing: readonly string[]

  constructor(directory: string, missing: readonly string[], reason: string) {
    super(`${directory} lacks ${missing.join(', ')}: ${reason}`)
    this.missing = missing
  }
}

/** Files are absent, and the directory takes no new ones. */
export class UnwritableCertificateDirectory extends Error {
  override readonly name = 'UnwritableCertificateDirectory'
  readonly missing: readonly string[]

  constructor(directory: string, missing: readonly string[], cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    super(`${directory} lacks ${missing.join(', ')} and cannot be written: ${reason}`, { cause })
    this.missing = missing
  }
}
