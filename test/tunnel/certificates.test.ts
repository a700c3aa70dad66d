import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { connect } from 'node:tls'
import { expect, it } from 'vitest'
import { Rig, describeWithFrpc, makeCertificates } from './rig.ts'

describeWithFrpc('with TLS on', (version) => {
  it('a client without certificate is refused', async () => {
    await using rig = await Rig.start({ tls: true })
    const client = await rig.startClient({ version, tls: 'anonymous' })
    await expect.poll(() => rig.logLines.join('\n')).toContain('TLS handshake failed: ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE')
    await client.waitForOutput(/login to the server failed|connect to server error/)
    expect(rig.registry.list()).toEqual([])
  })

  it('a client with a certificate of another CA of the same name is refused', async () => {
    await using rig = await Rig.start({ tls: true })
    const foreign = await makeCertificates(path.join(rig.folder, 'foreign'))
    await writeFile(path.join(rig.folder, 'frp', 'client.crt'), foreign.clientCert)
    await writeFile(path.join(rig.folder, 'frp', 'client.key'), foreign.clientKey)
    const client = await rig.startClient({ version })
    await expect.poll(() => rig.logLines.join('\n')).toContain('TLS handshake failed')
    await client.waitForOutput(/login to the server failed|connect to server error/)
    expect(rig.registry.list()).toEqual([])
  })

  it('a client without TLS is refused', async () => {
    await using rig = await Rig.start({ tls: true })
    await rig.startClient({ version, tls: 'off' })
    await expect.poll(() => rig.logLines.join('\n')).toContain('the client speaks no TLS, which this server demands')
    expect(rig.registry.list()).toEqual([])
  })

  it('with TLS off, a client that speaks it all the same is served, and none is asked for a certificate', async () => {
    await using rig = await Rig.start({ tls: false })
    await rig.connect({ version, tls: 'anonymous' })
    const response = await rig.pool().request({ path: '/heartbeat', method: 'GET' })
    expect(await response.body.json()).toEqual({ status: 'ok' })
  })

  it('a client that puts the byte 0x17 before TLS is served', async () => {
    await using rig = await Rig.start({ tls: true })
    await rig.connect({ version, settings: 'transport.tls.disableCustomTLSFirstByte = false' })
    const response = await rig.pool().request({ path: '/heartbeat', method: 'GET' })
    expect(await response.body.json()).toEqual({ status: 'ok' })
  })

  it('new certificates are taken while the server runs, and tunnels live on', async () => {
    await using rig = await Rig.start({ tls: true })
    await rig.connect({ version })
    const before = rig.registry.get(23_000)
    const next = await makeCertificates(path.join(rig.folder, 'next'))
    const bothAuthorities = `${rig.certificates?.ca}${next.ca}`
    rig.server.setTls({ ca: bothAuthorities, cert: next.serverCert, key: next.serverKey })

    const response = await rig.pool().request({ path: '/heartbeat', method: 'GET' })
    expect(await response.body.json()).toEqual({ status: 'ok' })
    expect(rig.registry.get(23_000)).toBe(before)

    // Clients of both authorities are let in, and see the new certificate.
    for (const { clientCert, clientKey } of [rig.certificates ?? next, next]) {
      const client = connect({ port: rig.port, host: '127.0.0.1', ca: next.ca, servername: 'harp.nc', cert: clientCert, key: clientKey })
      client.write(Buffer.from('000200010000000000000007', 'hex')) // a yamux ping, which only an accepted client gets answered
      const [reply] = (await once(client, 'data')) as [Buffer]
      expect(reply.toString('hex')).toBe('000200020000000000000007')
      client.destroy()
    }
  })
})

it('refuses a certificate of another CA of the same name every time, not only by chance', async () => {
  await using rig = await Rig.start({ tls: true })
  const foreign = await makeCertificates(path.join(rig.folder, 'foreign'))
  for (let attempt = 0; attempt < 20; attempt += 1) {
    const client = connect({
      port: rig.port,
      host: '127.0.0.1',
      rejectUnauthorized: false,
      cert: foreign.clientCert,
      key: foreign.clientKey,
    })
    client.on('error', () => {})
    client.on('secureConnect', () => client.write(Buffer.from('000100010000000100000000', 'hex'))) // a yamux SYN
    let answered = false
    client.on('data', () => (answered = true))
    await once(client, 'close')
    expect(answered).toBe(false)
  }
  await expect.poll(() => rig.metrics.metrics()).toContain('harpoon_tunnel_connections_refused_total{stage="tls"} 20')
})
