import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { makeThrowAwayCertificate } from '../../../proxy/certificates/throw-away.ts'
import { readVitalSigns } from '../../attackers/vital-signs.ts'
import { demoApp } from '../../request/stage.ts'
import { startDataPlaneProcess, type DataPlaneProcess } from '../../support/data-plane-process.ts'
import { sharedKey } from '../../support/data-plane.ts'
import { startExApp } from '../../support/exapp.ts'
import { startNextcloud } from '../../support/nextcloud.ts'

/** What a client of a run may be told after it has said everything. */
const listenMs = 15

/** How long what a run opened may stay: request heads and idle connections have a second. */
const recoveryMs = 20_000

/** So much of the end of a log tells where it was read to. */
const tailLength = 200

/** `HP_TIMEOUT_CLIENT` of this data plane. */
const clientTimeout = '1s'

export type Listener = 'http' | 'https' | 'frp'

/** A data plane as a process of its own, with an ExApp to reach, that is told all kinds of things. */
export class DataPlaneOnTrial implements AsyncDisposable {
  readonly #plane: DataPlaneProcess
  readonly #stack: AsyncDisposableStack
  #logTail = ''

  private constructor(plane: DataPlaneProcess, stack: AsyncDisposableStack) {
    this.#plane = plane
    this.#stack = stack
  }

  static async start(): Promise<DataPlaneOnTrial> {
    await using stack = new AsyncDisposableStack()
    const folder = await mkdtemp(join(tmpdir(), 'harpoon-fuzz-'))
    stack.defer(() => rm(folder, { recursive: true, force: true }))
    const { cert, key } = await makeThrowAwayCertificate(Date.now())
    await writeFile(join(folder, 'cert.pem'), `${key}\n${cert}`, { mode: 0o600 })
    const exApp = await startExApp({ listen: { port: 0 } })
    stack.defer(() => exApp.close())
    const nextcloud = await startNextcloud({ sharedKey })
    stack.defer(() => nextcloud.close())
    nextcloud.addExApp({ ...demoApp(exApp.port ?? 0), routes: [{ url: '.*', access_level: 0 }] })
    const plane = await startDataPlaneProcess({
      NC_INSTANCE_URL: nextcloud.url,
      HARPOON_CERTS_DIR: folder,
      HP_FRP_DISABLE_TLS: 'true',
      HP_BLACKLIST_COUNT: '1000000',
      HP_TIMEOUT_CLIENT: clientTimeout,
      HP_TIMEOUT_CONNECT: clientTimeout,
    })
    stack.defer(() => plane.stop())
    return new DataPlaneOnTrial(plane, stack.move())
  }

  /** One client that says this in these pieces and leaves. @throws Error when that did any harm */
  async hear(listener: Listener, pieces: readonly Buffer[]): Promise<void> {
    const socket = connect({ port: this.#plane.ports[listener] ?? 0, host: '127.0.0.1', noDelay: true }).on('error', () => {}) // it is cut as often as not
    const closed = new Promise((resolve) => void socket.once('close', resolve))
    await Promise.race([new Promise((resolve) => void socket.once('connect', resolve)), closed])
    socket.resume()
    for (const piece of pieces) {
      if (socket.destroyed) break
      socket.write(piece)
      await new Promise(setImmediate)
    }
    if (!socket.destroyed) await Promise.race([closed, delay(listenMs)])
    socket.destroy()
    this.#checkLog()
    await this.#answers()
  }

  /** Looks at what all runs left behind. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      const look = () => readVitalSigns({ pid: this.#plane.pid, adminPort: this.#plane.ports.admin })
      for (const giveUpAt = performance.now() + recoveryMs; ; await delay(100)) {
        const { sessions, connectionsWithoutLogin, streams, sockets } = await look()
        if (sessions + connectionsWithoutLogin + streams === 0 && sockets < 20) break
        assert.ok(performance.now() < giveUpAt, `left behind: ${JSON.stringify(await look())}`)
      }
    } finally {
      await this.#stack.disposeAsync()
    }
  }

  /** What was logged since it was looked at last. An engine that is not there is told to its admin, as an error. */
  #checkLog(): void {
    const log = this.#plane.output()
    const fresh = log.slice(log.lastIndexOf(this.#logTail) + this.#logTail.length)
    this.#logTail = log.slice(-tailLength)
    const isSuspicious = (line: string): boolean => /"level":"error"|unexpected|^\s+at /.test(line) && !line.includes('"outcome":"unreachable"')
    assert.deepEqual(fresh.split('\n').filter(isSuspicious), [], 'the log holds what no client may cause')
  }

  /** It lives, and does not stand still. */
  async #answers(): Promise<void> {
    const livez = await fetch(`http://127.0.0.1:${this.#plane.ports.admin}/livez`, { signal: AbortSignal.timeout(recoveryMs) })
    assert.equal(await livez.text(), 'ok\n')
  }
}
