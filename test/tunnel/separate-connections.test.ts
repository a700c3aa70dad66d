import { once } from 'node:events'
import path from 'node:path'
import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { createKey, issueCertificate, validityFrom } from '../../proxy/certificates/issue.ts'
import { RawClient } from './raw-client.ts'
import { RawConnection } from './raw-connection.ts'
import { Rig } from './rig.ts'

const newProxy = { proxy_name: 'test_app', proxy_type: 'tcp', remote_port: 23_000 }
const granted = { type: '2', body: { proxy_name: 'test_app', remote_addr: ':23000' } }
const refusal = (runId: string) => ({ type: 's', body: { error: `no client control found for run id [${runId}]` } })

/** A session without a multiplexer whose tunnel is there. */
async function serve(rig: Rig, options: Parameters<typeof RawConnection.logIn>[1] = {}) {
  const session = await RawConnection.logIn(rig.port, options)
  session.control.say('p', newProxy)
  await expect.poll(() => session.control.heard()).toContainEqual(granted)
  return session
}

/** A work connection that shows this run id. */
async function offer(rig: Rig, runId: string, tls?: Parameters<typeof RawConnection.open>[1]): Promise<RawConnection> {
  const connection = await RawConnection.open(rig.port, tls)
  connection.write('w', { run_id: runId })
  return connection
}

describe('without a multiplexer, a work connection', () => {
  it('carries what dial() gives, behind StartWorkConn', async () => {
    await using rig = await Rig.start()
    using control = (await serve(rig)).control
    const { runId } = await RawConnection.logIn(rig.port) // somebody else's
    expect(runId).not.toBe('')
    const [login] = control.heard() as { body: { run_id: string } }[]
    using connection = await offer(rig, login?.body.run_id ?? '')
    const stream = await rig.dial(23_000, { timeoutMs: 5000 })
    await expect.poll(() => connection.first).toEqual({ type: 's', body: { proxy_name: 'test_app' } })
    connection.socket.write('from the ExApp')
    const [chunk] = (await once(stream, 'data')) as [Buffer]
    expect(chunk.toString()).toBe('from the ExApp')
    stream.destroy()
    await expect.poll(() => connection.socket.closed).toBe(true)
    expect(control.socket.closed).toBe(false)
  })

  it('with a run id that nobody has is turned away, and counted', async () => {
    await using rig = await Rig.start()
    using connection = await offer(rig, '0123456789abcdef')
    await expect.poll(() => connection.first).toEqual(refusal('0123456789abcdef'))
    await expect.poll(() => connection.socket.closed).toBe(true)
    await expect.poll(() => rig.metrics.metrics()).toContain('harpoon_tunnel_connections_refused_total{stage="work connection"} 1')
  })

  it('with the run id of a multiplexed session is turned away: those have none', async () => {
    await using rig = await Rig.start()
    using client = await RawClient.connect(rig.port)
    client.login()
    await expect.poll(() => client.heard()).toHaveLength(1)
    const [login] = client.heard() as { body: { run_id: string } }[]
    using connection = await offer(rig, login?.body.run_id ?? '')
    await expect.poll(() => connection.first).toEqual(refusal(login?.body.run_id ?? ''))
  })

  it('on another wire protocol than its control is turned away', async () => {
    await using rig = await Rig.start()
    const { control, runId } = await serve(rig)
    using _control = control
    using connection = await RawConnection.open(rig.port)
    const payload = Buffer.from(`\0\u0006${JSON.stringify({ run_id: runId })}`)
    connection.socket.write(Buffer.concat([Buffer.from('46525000020d0a', 'hex'), Buffer.from([0, 16, 0, 0, 0, 0, 0, payload.length]), payload]))
    await expect.poll(() => connection.received.toString()).toContain('wire protocol v2 differs from v1 of the control connection')
    await expect(rig.dial(23_000, { timeoutMs: 100 })).rejects.toThrow('does not answer')
  })

  it('needs a certificate of the same name as its control, and may have a renewed one', async () => {
    await using rig = await Rig.start({ tls: true })
    const read = (name: string) => readFile(path.join(rig.folder, 'frp', name), 'utf8')
    const authority = { certPem: await read('ca.crt'), keyPem: await read('ca.key') }
    const issue = async (name: string) => {
      const key = await createKey()
      const cert = await issueCertificate(authority, { keyPem: key, name, role: 'client', validity: validityFrom(Date.now(), 1) })
      return { ca: authority.certPem, cert, key, servername: 'harp.nc' }
    }
    const [own, renewed, foreign] = await Promise.all([issue('exapp'), issue('exapp'), issue('another exapp')])
    const { control, runId } = await serve(rig, { tls: own })
    using _control = control
    using stranger = await offer(rig, runId, foreign)
    await expect.poll(() => stranger.first).toEqual(refusal(runId))
    using connection = await offer(rig, runId, renewed)
    const stream = await rig.dial(23_000, { timeoutMs: 5000 })
    await expect.poll(() => connection.first).toEqual({ type: 's', body: { proxy_name: 'test_app' } })
    stream.destroy()
  })

  it('that is one too many is turned away', async () => {
    await using rig = await Rig.start({ limits: { connectionsPerSession: 3 } })
    const { control, runId } = await serve(rig)
    using _control = control
    using first = await offer(rig, runId)
    using second = await offer(rig, runId)
    await expect.poll(() => rig.metrics.metrics()).toContain('harpoon_tunnel_unauthenticated_connections 0')
    using third = await offer(rig, runId)
    await expect.poll(() => third.first).toEqual({ type: 's', body: { error: 'too many connections of one client' } })
    expect([first, second].map(({ socket }) => socket.closed)).toEqual([false, false])
  })

  it('ends with its control', async () => {
    await using rig = await Rig.start()
    const { control, runId } = await serve(rig)
    using connection = await offer(rig, runId)
    const stream = await rig.dial(23_000, { timeoutMs: 5000 })
    control.socket.destroy()
    await expect.poll(() => [connection.socket.closed, stream.closed]).toEqual([true, true])
    expect(rig.registry.list()).toEqual([])
  })
})

describe('without a multiplexer, a control connection', () => {
  it('that says nothing for too long is ended', async () => {
    await using rig = await Rig.start({ limits: { silentControlMs: 200 } })
    const started = performance.now()
    const { control } = await RawConnection.logIn(rig.port)
    control.say('p', newProxy)
    await expect.poll(() => control.socket.closed).toBe(true)
    expect(performance.now() - started).toBeGreaterThan(200)
    expect(control.heard()).toContainEqual(granted)
    expect(rig.registry.list()).toEqual([])
    expect(rig.logLines.join('\n')).toContain('the client said nothing for 200 ms')
  })

  it('lives as long as it pings, and hears a Pong each time', async () => {
    await using rig = await Rig.start({ limits: { silentControlMs: 400 } })
    const { control } = await RawConnection.logIn(rig.port)
    using _control = control
    const pongs = () => control.heard().filter(({ type }) => type === '4').length
    const started = performance.now()
    for (let pings = 1; performance.now() - started < 1200; pings += 1) {
      control.say('h', {})
      await expect.poll(pongs).toBe(pings)
    }
    expect(control.socket.closed).toBe(false)
  })

  it('is replaced by a login with its run id', async () => {
    await using rig = await Rig.start()
    const former = await serve(rig)
    const { control, runId } = await serve(rig, { fields: { run_id: former.runId } })
    using _control = control
    expect(runId).toBe(former.runId)
    await expect.poll(() => former.control.socket.closed).toBe(true)
    expect(rig.registry.list()).toHaveLength(1)
  })

  it('is asked for a connection when somebody else claims its tunnel, and keeps it when it answers', async () => {
    await using rig = await Rig.start()
    const { control, runId } = await serve(rig)
    using _control = control
    control.socket.on('data', () => {
      if (control.heard().some(({ type }) => type === 'r')) void offer(rig, runId)
    })
    const { control: newcomer } = await RawConnection.logIn(rig.port)
    using _newcomer = newcomer
    newcomer.say('p', newProxy)
    await expect.poll(() => newcomer.heard()[1]).toEqual({ type: '2', body: { proxy_name: 'test_app', error: 'proxy [test_app] already exists' } })
  })

  it('is told that there are no visitors', async () => {
    await using rig = await Rig.start()
    using connection = await RawConnection.open(rig.port)
    connection.write('v', { proxy_name: 'secret' })
    await expect.poll(() => connection.first).toEqual({ type: '3', body: { proxy_name: 'secret', error: "custom listener for [secret] doesn't exist" } })
    await expect.poll(() => connection.socket.closed).toBe(true)
  })
})
