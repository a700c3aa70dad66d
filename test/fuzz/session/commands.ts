import assert from 'node:assert/strict'
import * as fc from 'fast-check'
import type { TunnelIdentity } from '../../../proxy/tunnel/tokens.ts'
import { assignedPorts, type ClientModel, identities, names, ports, type Tunnel } from './clients-model.ts'
import type { TunnelServerUnderTest } from './tunnel-server-under-test.ts'

/** One step of a run: the server and what must be true of it are looked at together. */
type Step = fc.AsyncCommand<{ readonly server: TunnelServerUnderTest }, TunnelServerUnderTest>

const slots = 4

function step(title: string, check: (server: TunnelServerUnderTest) => boolean, run: (server: TunnelServerUnderTest) => Promise<void>): Step {
  return {
    check: ({ server }) => check(server),
    run: async (_model, server) => {
      await run(server)
      await server.agree()
    },
    toString: () => title,
  }
}

/** A step of a client that is logged in and awake. */
const clientStep = (title: string, slot: number, run: (client: ClientModel, server: TunnelServerUnderTest) => Promise<void>): Step =>
  step(`client ${slot} ${title}`, ({ model }) => model.get(slot)?.isFrozen === false, async (server) => {
    const client = server.model.get(slot)
    if (client) await run(client, server)
  })

/** Whose run id a login shows. */
type ShownRunId = 'none' | 'made up' | number

const logsIn = (slot: number, identity: TunnelIdentity, shown: ShownRunId): Step =>
  step(`client ${slot} logs in as ${JSON.stringify(identity)} with run id of ${shown}`, ({ model }) => model.get(slot) === undefined, async (server) => {
    const runId = shown === 'made up' ? `made-up-${slot}` : typeof shown === 'number' ? (server.model.get(shown)?.runId ?? '') : ''
    const former = server.model.withRunId(runId)
    const isOwn = former !== undefined && JSON.stringify(former.identity) === JSON.stringify(identity)
    const answer = await server.logIn(slot, identity, runId)
    const { run_id: given } = answer
    if (isOwn) {
      assert.equal(given, former.runId)
      server.forget(former)
    } else if (runId === '' || former) {
      assert.match(given ?? '', /^[0-9a-f]{16}$/)
      assert.notEqual(given, former?.runId, 'the run id of another owner was given out')
    }
  })

const failsToLogIn = (token: string): Step =>
  step(`somebody logs in with the token ${JSON.stringify(token)}`, () => true, async (server) => {
    const answer = await server.logIn(slots, { kind: 'shared' }, '', token)
    assert.match(answer.error ?? '', /^metadatas\.token is/)
  })

/** What a client of this identity is there for; with the shared key that may be anything. */
function ownTunnel({ identity }: ClientModel): Tunnel | undefined {
  if (identity.kind === 'engine') return { name: identity.engineName, port: identity.remotePort }
  return identity.kind === 'exapp' ? { name: identity.appId, port: assignedPorts[identity.appId] ?? 0 } : undefined
}

const claims = (slot: number, { isOwn, otherwise }: { readonly isOwn: boolean; readonly otherwise: Tunnel }): Step =>
  clientStep(`claims ${isOwn ? 'its own tunnel, or ' : ''}${otherwise.name} on ${otherwise.port}`, slot, async (client, server) => {
    const wanted = (isOwn ? ownTunnel(client) : undefined) ?? otherwise
    const { error, evicted } = server.model.judge(client, wanted)
    const answer = await server.ask(client, 'p', { proxy_name: wanted.name, proxy_type: 'tcp', remote_port: wanted.port })
    const body = answer.body as { error?: string; remote_addr?: string }
    for (const other of evicted) server.forget(other)
    if (error === '') {
      assert.deepEqual(body, { proxy_name: wanted.name, remote_addr: `:${wanted.port}` })
      client.tunnel = wanted
    } else assert.match(body.error ?? '', error)
  })

const gives = (slot: number, name: string): Step =>
  clientStep(`closes its proxy ${name}`, slot, async (client, server) => {
    server.tell(client, 'c', { proxy_name: name })
    await server.ask(client, 'h', {})
    if (client.tunnel?.name === name) client.tunnel = undefined
  })

const offers = (slot: number, other: number): Step =>
  clientStep(`offers a work connection with the run id of ${other}`, slot, async (client, server) => {
    const owner = server.model.get(other)
    const answer = await server.offer(client, owner?.runId ?? '0123456789abcdef')
    if (owner === client) assert.equal(answer, 'nothing', 'an own work connection was refused')
    else assert.match(String((answer as { body?: { error?: string } }).body?.error), /^no client control found/)
  })

const requests = (port: number): Step =>
  step(`a request comes for ${port}`, ({ model }) => model.onPort(port)?.isFrozen !== true, async (server) => {
    const owner = server.model.onPort(port)
    assert.equal(await server.request(port), owner ? `answer of ${owner.slot}` : 'nobody')
  })

const slot = fc.nat(slots - 1)
const wanted: fc.Arbitrary<Tunnel> = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom({ name: 'app_a', port: 23_000 }, { name: 'app_b', port: 23_001 }, { name: 'other', port: 23_000 }, { name: 'engine', port: 24_001 }) },
  { weight: 1, arbitrary: fc.record({ name: fc.constantFrom(...names), port: fc.constantFrom(...ports) }) },
)
/** The shared key most of all, as everything may be taken from whoever has it. */
const identity = fc.oneof({ weight: 2, arbitrary: fc.constant<TunnelIdentity>({ kind: 'shared' }) }, { weight: 3, arbitrary: fc.constantFrom(...identities) })
const shown: fc.Arbitrary<ShownRunId> = fc.oneof(fc.constant('none' as const), fc.constant('made up' as const), slot)

/** Whatever clients of a tunnel server do, one after the other. */
export const steps: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: fc.tuple(slot, identity, shown).map(([at, identity, id]) => logsIn(at, identity, id)) },
  { weight: 20, arbitrary: fc.tuple(slot, fc.record({ isOwn: fc.boolean(), otherwise: wanted })).map(([at, tunnel]) => claims(at, tunnel)) },
  { weight: 6, arbitrary: fc.constantFrom(...ports).map(requests) },
  { weight: 4, arbitrary: fc.tuple(slot, slot).map(([at, other]) => offers(at, other)) },
  { weight: 4, arbitrary: fc.tuple(slot, fc.constantFrom(...names)).map(([at, name]) => gives(at, name)) },
  { weight: 5, arbitrary: slot.map((at) => step(`client ${at} is gone`, ({ model }) => model.get(at) !== undefined, async (server) => {
    const client = server.model.get(at)
    if (client) server.leave(client)
  })) },
  { weight: 1, arbitrary: slot.map((at) => clientStep('logs in once more within its session', at, async (client, server) => server.logInAgain(client))) },
  { weight: 1, arbitrary: slot.map((at) => clientStep('breaks its control stream', at, async (client, server) => {
    server.breakControl(client)
    server.forget(client)
  })) },
  { weight: 2, arbitrary: slot.map((at) => clientStep('freezes', at, async (client, server) => server.freeze(client))) },
  { weight: 1, arbitrary: fc.constantFrom('', 'wrong', 'harpoon:exapp:app_a:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA').map(failsToLogIn) },
)
