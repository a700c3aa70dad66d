import assert from 'node:assert/strict'
import type { Duplex } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import pino from 'pino'
import { Registry } from 'prom-client'
import { makeThrowAwayCertificate } from '../../../proxy/certificates/throw-away.ts'
import { createLimitCounter } from '../../../proxy/limit-reached.ts'
import { createDial } from '../../../proxy/tunnel/dial.ts'
import { createTunnelMetrics } from '../../../proxy/tunnel/metrics.ts'
import { TunnelRegistry } from '../../../proxy/tunnel/registry.ts'
import { startTunnelServer, type TunnelServer } from '../../../proxy/tunnel/start.ts'
import { engineToken, exAppToken, type TunnelIdentity } from '../../../proxy/tunnel/tokens.ts'
import { RawClient, type RawMessage } from '../../tunnel/raw-client.ts'
import { SHARED_KEY } from '../../tunnel/shared-key.ts'
import { assignedPorts, type ClientModel, ClientsModel } from './clients-model.ts'

/** How long the two sides may need to agree, on a machine that does other things too. */
const PATIENCE_MS = 10_000

/** Made once: it costs two RSA keys. */
const certificate = makeThrowAwayCertificate(Date.now())

/** The token of an identity. */
export function tokenOf(identity: TunnelIdentity): string {
  switch (identity.kind) {
    case 'shared':
      return SHARED_KEY
    case 'exapp':
      return exAppToken(SHARED_KEY, identity.appId)
    case 'engine':
      return engineToken(SHARED_KEY, identity.engineName, identity.remotePort)
  }
}

export interface LoginAnswer {
  readonly run_id?: string
  readonly error?: string
}

/** A client of a run: its connection, and how much of what it heard was looked at. */
interface Connected {
  readonly raw: RawClient
  heard: number
  asked: number
  nextStream: number
  /** Work connections that were taken in before anybody asked: the oldest is used first. */
  readonly waiting: number[]
}

/** A tunnel server on loopback, its clients, and what must be true of them. */
export class TunnelServerUnderTest implements AsyncDisposable {
  readonly model = new ClientsModel()
  readonly #metrics = new Registry()
  readonly #registry = new TunnelRegistry()
  readonly #dial = createDial({ registry: this.#registry })
  readonly #connected = new Map<ClientModel, Connected>()
  readonly #all: RawClient[] = []
  readonly #logLines: string[] = []
  #server: TunnelServer | undefined

  static async start(): Promise<TunnelServerUnderTest> {
    const started = new TunnelServerUnderTest()
    await started.#start()
    return started
  }

  /** Logs in; resolves with what the server says. The client keeps its place only when it is let in. */
  async logIn(slot: number, identity: TunnelIdentity, runId: string, token = tokenOf(identity)): Promise<LoginAnswer> {
    const raw = await RawClient.connect(this.#port)
    this.#all.push(raw)
    raw.login({ metas: { token }, run_id: runId })
    await until('an answer to a login', () => raw.heard().length > 0)
    const answer = raw.heard()[0]?.body as LoginAnswer
    if (answer.run_id === undefined) return answer
    const client: ClientModel = { slot, identity, runId: answer.run_id, tunnel: undefined, isFrozen: false }
    this.model.add(client)
    this.#connected.set(client, { raw, heard: 1, asked: 0, nextStream: 3, waiting: [] })
    return answer
  }

  /** Says something on the control stream and resolves with the next answer. */
  async ask(client: ClientModel, type: string, body: object): Promise<RawMessage> {
    const connected = this.#of(client)
    connected.raw.say(type, body)
    return this.#nextAnswer(connected)
  }

  tell(client: ClientModel, type: string, body: object): void {
    this.#of(client).raw.say(type, body)
  }

  /** Offers a work connection and resolves with what the server says on it. */
  async offer(client: ClientModel, runId: string): Promise<RawMessage | 'nothing'> {
    const { raw, id } = this.#open(client)
    raw.writeMessage(id, 'w', { run_id: runId })
    await this.ask(client, 'h', {}) // what an offer is answered with comes before this
    const [answer] = raw.messages(id)
    if (!answer) this.#of(client).waiting.push(id)
    return answer ?? 'nothing'
  }

  logInAgain(client: ClientModel): void {
    const { raw, id } = this.#open(client)
    raw.writeMessage(id, 'o', { metas: { token: tokenOf(client.identity) } })
  }

  /** A request through the tunnel on a port: the bytes of its answer say who gave it. */
  async request(port: number): Promise<string> {
    const owner = this.model.onPort(port)
    if (!owner) {
      await assert.rejects(this.#dial(port, { timeoutMs: 30 }), { name: 'TunnelNotConnectedError' })
      return 'nobody'
    }
    const dialled = this.#dial(port, { timeoutMs: PATIENCE_MS })
    const served = this.#serve(owner)
    const stream: Duplex = await dialled
    stream.write('question')
    await served
    stream.setEncoding('utf8')
    let answer = ''
    for await (const text of stream as AsyncIterable<string>) answer += text
    return answer
  }

  /** Sends what no key fits. */
  breakControl(client: ClientModel): void {
    this.#of(client).raw.write(1, Buffer.alloc(64, 'x'))
  }

  freeze(client: ClientModel): void {
    client.isFrozen = true
    this.#of(client).raw.answersPings = false
  }

  leave(client: ClientModel): void {
    this.#of(client).raw.socket.destroy()
    this.forget(client)
  }

  forget(client: ClientModel): void {
    this.model.remove(client)
    client.tunnel = undefined
  }

  /** Returns when server and model agree. @throws Error when they do not in time, or something unexpected was logged */
  async agree(): Promise<void> {
    const expected = this.model.all.flatMap(({ tunnel, identity }) => (tunnel ? [{ port: tunnel.port, name: tunnel.name, owner: identity.kind }] : []))
    const actual = (): object[] => this.#registry.list().map(({ remotePort, proxyName, owner }) => ({ port: remotePort, name: proxyName, owner: owner.kind }))
    const sorted = expected.sort((one, other) => one.port - other.port)
    await until(() => `tunnels ${JSON.stringify(actual())}, not ${JSON.stringify(sorted)}`, () => JSON.stringify(actual()) === JSON.stringify(sorted))
    await untilAsync('the number of sessions', async () => (await this.#gauge('harpoon_tunnel_sessions')) === this.model.all.length)
    await untilAsync('connections without login', async () => (await this.#gauge('harpoon_tunnel_unauthenticated_connections')) === 0)
    for (const [client, { raw }] of this.#connected) {
      const isThere = this.model.get(client.slot) === client
      await until(`client ${client.slot} to be ${isThere ? 'there' : 'cut'}`, () => raw.socket.closed !== isThere)
    }
    for (const line of this.#logLines) assert.ok(!line.includes('"level":50'), line)
  }

  /** Stops the server: nobody may be left. */
  async drain(graceMs: number): Promise<void> {
    await this.#server?.close(graceMs)
    this.#server = undefined
    for (const client of this.model.all) this.forget(client)
    await this.agree()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { socket } of this.#all) socket.destroy()
    await this.#server?.close(0)
  }

  async #start(): Promise<void> {
    this.#server = await startTunnelServer({
      host: '127.0.0.1',
      port: 0,
      tls: await certificate,
      allowPlain: true,
      websocketPolicy: 'mtls',
      sharedKeys: () => [SHARED_KEY],
      allowSharedKey: true,
      assignedPort: async (appId) => assignedPorts[appId],
      failures: { isBanned: () => false, record: () => {} },
      proxies: { isTrusted: () => false, clientBehind: (peer) => peer },
      registry: this.#registry,
      log: pino({ level: 'error' }, { write: (line: string) => void this.#logLines.push(line) }),
      metrics: createTunnelMetrics(this.#metrics, this.#registry),
      memoryBytes: () => 64 * 1024 ** 2,
      onLimit: createLimitCounter(this.#metrics),
    })
  }

  get #port(): number {
    if (!this.#server) throw new Error('the tunnel server is stopped')
    return this.#server.address.port
  }

  #of(client: ClientModel): Connected {
    const connected = this.#connected.get(client)
    if (!connected) throw new Error(`client ${client.slot} is not connected`)
    return connected
  }

  #open(client: ClientModel): { readonly raw: RawClient; readonly id: number } {
    const connected = this.#of(client)
    const id = connected.nextStream
    connected.nextStream += 2
    connected.raw.open(id)
    return { raw: connected.raw, id }
  }

  async #nextAnswer(connected: Connected): Promise<RawMessage> {
    const answers = (): RawMessage[] => connected.raw.heard().filter(({ type }) => type !== 'r')
    await until('an answer', () => answers().length > connected.heard)
    const answer = answers()[connected.heard]
    connected.heard += 1
    if (!answer) throw new Error('there is no answer')
    return answer
  }

  /** As frpc does: opens a work connection for each that is asked for, and answers on the one that a request comes on. */
  async #serve(client: ClientModel): Promise<void> {
    const connected = this.#of(client)
    const { raw } = connected
    const id = connected.waiting.shift() ?? (await this.#openAsAsked(client))
    const expected = JSON.stringify({ proxy_name: client.tunnel?.name })
    await until('a question on the work connection', () => raw.stream(id).bytes.toString('latin1').endsWith('question'))
    assert.ok(raw.stream(id).bytes.includes(expected), 'the work connection was started for another proxy')
    raw.write(id, Buffer.from(`answer of ${client.slot}`))
    raw.finish(id)
  }

  async #openAsAsked(client: ClientModel): Promise<number> {
    const connected = this.#of(client)
    const asked = (): number => connected.raw.heard().filter(({ type }) => type === 'r').length
    await until('to be asked for a work connection', () => asked() > connected.asked)
    connected.asked = asked()
    const { raw, id } = this.#open(client)
    raw.writeMessage(id, 'w', { run_id: client.runId })
    return id
  }

  async #gauge(name: string): Promise<number> {
    const line = (await this.#metrics.getSingleMetricAsString(name)).split('\n').find((text) => text.startsWith(`${name} `))
    return Number(line?.slice(name.length))
  }
}

async function until(what: string | (() => string), isTrue: () => boolean): Promise<void> {
  await untilAsync(what, async () => isTrue())
}

async function untilAsync(what: string | (() => string), isTrue: () => Promise<boolean>): Promise<void> {
  for (const giveUpAt = performance.now() + PATIENCE_MS; !(await isTrue()); await delay(1)) {
    if (performance.now() > giveUpAt) throw new Error(`waited in vain for ${typeof what === 'string' ? what : what()}`)
  }
}
