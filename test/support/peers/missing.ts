/** A peer that this machine lacks and that the test set-up cannot bring. The message names it and says what to do. */
export class MissingPeer extends Error {
  readonly peer: string

  constructor(peer: string, remedy: string, options?: ErrorOptions) {
    super(`${peer} is missing: ${remedy}`, options)
    this.name = 'MissingPeer'
    this.peer = peer
  }
}
