/** Says on the terminal what the set-up installs or builds and why: it can take minutes, and silence looks like a hang. */
export function announce(what: string): void {
  process.stderr.write(`test set-up: ${what}\n`)
}
