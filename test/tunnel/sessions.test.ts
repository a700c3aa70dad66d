import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { exAppToken } from '../../proxy/tunnel/tokens.ts'
import { RawClient } from './raw-client.ts'
import type { RawMessage } from './raw-client.ts'
import { Rig, SHARED_KEY } from './rig.ts'

const newProxy = { proxy_name: 'test_app', proxy_type: 'tcp', remote_port: 23_000 }
const granted = { type: '2', body: { proxy_name: 'test_app', remote_addr: ':23000' } }

/** A client that has logged in, and its run id. */
async function logIn(rig: Rig, fields: object = {}): Promise<{ client: RawClient; runId: string }> {
  const client = await RawClient.connect(rig.port)
  client.login(fields)
  await expect.poll(() => client.heard()[0]).toMatchObject({ type: '1' })
  const [answer] = client.heard() as { body: { run_id: string } }[]
  return { client, runId: answer?.body.run_id ?? '' }
}

async function hears(client: RawClient, message: RawMessage): Promise<void> {
  await expect.poll(() => client.heard()).toContainEqual(message)
}

describe('a session', () => {
  it('gets a run id of its own, and one ReqWorkConn per wished connection', async () => {
    await using rig = await Rig.start()
    const { client, runId } = await logIn(rig, { pool_count: 2 })
    expect(runId).toMatch(/^[0-9a-f]{16}$/)
    await expect.poll(() => client.heard()).toEqual([
      { type: '1', body: { version: '0.61.1', run_id: runId } },
      { type: 'r', body: {} },
      { type: 'r', body: {} },
    ])
    client.socket.destroy()
  })

  it('with a negative pool size, which stops frps, is like one with none', async () => {
    await using rig = await Rig.start()
    const { client } = await logIn(rig, { pool_count: -20 })
    client.say('h', {})
    await expect.poll(() => client.heard().map(({ type }) => type)).toEqual(['1', '4'])
    client.socket.destroy()
  })

  it('cannot be had with always_auth_pass', async () => {
    await using rig = await Rig.start()
    const client = await RawClient.connect(rig.port)
    client.login({ metas: {}, client_spec: { type: 'ssh-tunnel', always_auth_pass: true } })
    await expect.poll(() => client.heard()[0]?.body).toMatchObject({ error: expect.stringContaining('metadatas.token is missing') })
    await once(client.socket, 'close')
  })

  it('repeats its own claim with success', async () => {
    await using rig = await Rig.start()
    const { client } = await logIn(rig)
    client.say('p', newProxy)
    client.say('p', newProxy)
    await expect.poll(() => client.heard().slice(1)).toEqual([granted, granted])
    client.socket.destroy()
  })

  it('gives its port back with CloseProxy, and stays', async () => {
    await using rig = await Rig.start()
    const { client } = await logIn(rig)
    client.say('p', newProxy)
    await hears(client, granted)
    client.say('c', { proxy_name: 'another' })
    client.say('c', { proxy_name: 'test_app' })
    client.say('h', {})
    await hears(client, { type: '4', body: {} })
    expect(rig.registry.list()).toEqual([])
    client.say('p', { ...newProxy, remote_port: 23_001 })
    await hears(client, { type: '2', body: { proxy_name: 'test_app', remote_addr: ':23001' } })
    client.socket.destroy()
  })

  it('is told that there are no visitors and no hole punching here, and goes on', async () => {
    await using rig = await Rig.start()
    const { client } = await logIn(rig)
    client.say('i', { transaction_id: 't', proxy_name: 'p2p' })
    await hears(client, { type: 'm', body: { transaction_id: 't', detect_behavior: {}, error: "xtcp server for [p2p] doesn't exist" } })
    client.say('n', { transaction_id: 't' })
    client.say('6', { sid: 's' })
    client.open(3)
    client.writeMessage(3, 'v', { proxy_name: 'secret' })
    await expect
      .poll(() => client.messages(3))
      .toEqual([{ type: '3', body: { proxy_name: 'secret', error: "custom listener for [secret] doesn't exist" } }])
    client.say('h', {})
    await hears(client, { type: '4', body: {} })
    client.socket.destroy()
  })

  it('has one login', async () => {
    await using rig = await Rig.start()
    const { client, runId } = await logIn(rig)
    client.open(3)
    client.writeMessage(3, 'o', { metas: { token: SHARED_KEY } })
    await expect.poll(() => client.stream(3).isReset).toBe(true)
    client.say('h', {})
    await hears(client, { type: '4', body: {} })
    expect(runId).not.toBe('')
    client.socket.destroy()
  })

  it('ends when its control stream carries what no frpc sends', async () => {
    await using rig = await Rig.start()
    const { client } = await logIn(rig)
    client.say('p', newProxy)
    await hears(client, granted)
    client.write(1, Buffer.alloc(64, 'x'))
    await once(client.socket, 'close')
    expect(rig.registry.list()).toEqual([])
  })
})

describe('a run id', () => {
  it('shown again by the same owner ends the session that had it, and its port is free at once', async () => {
    await using rig = await Rig.start()
    const first = await logIn(rig)
    first.client.say('p', newProxy)
    await hears(first.client, granted)
    const closed = once(first.client.socket, 'close')
    const second = await logIn(rig, { run_id: first.runId })
    second.client.say('p', newProxy)
    await hears(second.client, granted)
    await closed
    expect(second.runId).toBe(first.runId)
    second.client.socket.destroy()
  })

  it('shown by somebody else ends nothing, and is not given away', async () => {
    await using rig = await Rig.start()
    const owner = await logIn(rig)
    owner.client.say('p', newProxy)
    await hears(owner.client, granted)
    const stranger = await logIn(rig, { run_id: owner.runId, metas: { token: exAppToken(SHARED_KEY, 'other') } })
    expect(stranger.runId).not.toBe(owner.runId)
    expect(rig.registry.list()).toHaveLength(1)
    owner.client.say('h', {})
    await hears(owner.client, { type: '4', body: {} })
    for (const { client } of [owner, stranger]) client.socket.destroy()
  })

  it('that this server never gave out is kept', async () => {
    await using rig = await Rig.start()
    const { client, runId } = await logIn(rig, { run_id: '0123456789abcdef' })
    expect(runId).toBe('0123456789abcdef')
    client.socket.destroy()
  })

  it('that frpc would not make is refused', async () => {
    await using rig = await Rig.start()
    for (const run_id of ['x'.repeat(65), 'a\nb', 'ä']) {
      const client = await RawClient.connect(rig.port)
      client.login({ run_id })
      await expect.poll(() => client.heard()[0]?.body).toMatchObject({ error: expect.stringMatching(/^invalid run id/) })
      client.socket.destroy()
    }
  })
})

describe('a work connection', () => {
  it('carries what dial() gives, behind StartWorkConn', async () => {
    await using rig = await Rig.start()
    const { client, runId } = await logIn(rig)
    client.say('p', newProxy)
    await hears(client, granted)
    const dialled = rig.dial(23_000, { timeoutMs: 5000 })
    await hears(client, { type: 'r', body: {} })
    client.open(3)
    client.writeMessage(3, 'w', { run_id: runId })
    const stream = await dialled
    await expect.poll(() => client.messages(3)).toEqual([{ type: 's', body: { proxy_name: 'test_app' } }])
    client.write(3, Buffer.from('from the ExApp'))
    const [chunk] = (await once(stream, 'data')) as [Buffer]
    expect(chunk.toString()).toBe('from the ExApp')
    stream.destroy()
    client.socket.destroy()
  })

  it('is not started within 100 ms of the answer to NewProxy, when frpc would drop it', async () => {
    await using rig = await Rig.start()
    const { client, runId } = await logIn(rig, { pool_count: 1 })
    client.open(3)
    client.writeMessage(3, 'w', { run_id: runId })
    const dialled = rig.dial(23_000, { timeoutMs: 5000 })
    client.say('p', newProxy)
    await hears(client, granted)
    const answered = performance.now()
    const stream = await dialled
    expect(performance.now() - answered).toBeGreaterThan(95) // less what the test's own polling took
    stream.destroy()
    client.socket.destroy()
  })

  it('belongs to the session that logged in, whatever run id it shows', async () => {
    await using rig = await Rig.start()
    const owner = await logIn(rig)
    owner.client.say('p', newProxy)
    await hears(owner.client, granted)
    const dialled = rig.dial(23_000, { timeoutMs: 1000 })
    await hears(owner.client, { type: 'r', body: {} })

    const refusal = [{ type: 's', body: { error: `no client control found for run id [${owner.runId}]` } }]
    const stranger = await logIn(rig)
    stranger.client.open(3)
    stranger.client.writeMessage(3, 'w', { run_id: owner.runId })
    await expect.poll(() => stranger.client.messages(3)).toEqual(refusal)

    const nobody = await RawClient.connect(rig.port)
    nobody.open(1)
    nobody.writeMessage(1, 'w', { run_id: owner.runId })
    await once(nobody.socket, 'close')
    await expect(dialled).rejects.toThrow('frpc opened no work connection within')
    for (const { client } of [owner, stranger]) client.socket.destroy()
  })

  it('that is one too many is turned away', async () => {
    await using rig = await Rig.start()
    const { client, runId } = await logIn(rig)
    for (let count = 0; count <= 10; count += 1) {
      client.open(3 + 2 * count)
      client.writeMessage(3 + 2 * count, 'w', { run_id: runId })
    }
    await expect
      .poll(() => client.messages(23))
      .toEqual([{ type: 's', body: { error: 'work connection pool is full, discarding' } }])
    client.socket.destroy()
  })

  it('that never comes makes dial() say so', async () => {
    await using rig = await Rig.start()
    const { client } = await logIn(rig)
    client.say('p', newProxy)
    await hears(client, granted)
    await expect(rig.dial(23_000, { timeoutMs: 300 })).rejects.toThrow(
      /^the tunnel on remote port 23000 does not answer: frpc opened no work connection within \d+/,
    )
    client.socket.destroy()
  })
})
