import { connect, createServer, type TLSSocket } from 'node:tls'
import type { AddressInfo } from 'node:net'
import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { isRotationDue, makeAuthority, trustBundle } from './frp-authority.ts'
import { issuedFrpFiles, issueEngineCertificate, nextFrpFiles, type FrpFiles } from './frp-certificates.ts'

const start = new Date('2026-11-21T12:00:00Z')
const later = (days: number): Date => new Date(start.getTime() + days * 86_400_000)
const wishes = { now: start, rotateBeforeMs: 30 * 86_400_000, serverNames: ['main-frp.nextcloud.svc', '192.0.2.7'] }

/** Whether a client with these files is let in by a server with those, and lets it in itself. */
async function handshake(server: FrpFiles, client: { readonly ca: string; readonly certPem: string; readonly keyPem: string }): Promise<boolean> {
  const listener = createServer({ cert: server['server.crt'], key: server['server.key'], ca: server['ca.crt'], requestCert: true, rejectUnauthorized: true })
  listener.on('secureConnection', (socket: TLSSocket) => socket.end('hello'))
  listener.on('tlsClientError', () => {}) // the client sees it, too
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const socket = connect({ port: (listener.address() as AddressInfo).port, host: '127.0.0.1', servername: 'harp.nc', ca: client.ca, cert: client.certPem, key: client.keyPem })
  try {
    const text = await new Promise<string>((resolve, reject) => {
      socket.on('data', (bytes: Buffer) => resolve(bytes.toString())).once('error', reject).once('end', () => reject(new Error('ended')))
    })
    return text === 'hello'
  } catch {
    return false
  } finally {
    socket.destroy()
    listener.close()
  }
}

describe('the CA of tunnels', () => {
  it('is renewed a year before its end, not earlier', async () => {
    const authority = await makeAuthority(undefined, start, 'a')
    expect(isRotationDue(authority, later(3650 - 366))).toBe(false)
    expect(isRotationDue(authority, later(3650 - 364))).toBe(true)
  })

  it('may be followed by another one without anybody being locked out', async () => {
    const old = await makeAuthority(undefined, new Date(), 'a')
    const oldFiles = await nextFrpFiles(old, {}, { ...wishes, now: new Date() })
    const engine = { ca: trustBundle(old), ...(await issueEngineCertificate(old, 'gpu', new Date())) }
    const next = await makeAuthority(old, new Date(), 'b')
    const newFiles = await nextFrpFiles(next, oldFiles, { ...wishes, now: new Date() })
    expect(newFiles['server.crt']).not.toBe(oldFiles['server.crt'])
    const renewed = { ca: trustBundle(next), ...(await issueEngineCertificate(next, 'gpu', new Date())) }
    expect(await handshake(oldFiles, engine)).toBe(true)
    expect(await handshake(newFiles, engine), 'an engine with its old files, at the new server').toBe(true)
    expect(await handshake(newFiles, renewed)).toBe(true)
    expect(await handshake(oldFiles, renewed), 'an engine with new files, at a server that has not read its own yet').toBe(true)
    const foreign = await makeAuthority(undefined, new Date(), 'x')
    expect(await handshake(newFiles, { ca: trustBundle(next), ...(await issueEngineCertificate(foreign, 'gpu', new Date())) }), 'a stranger').toBe(false)
  })

  it('is forgotten when it has ended', async () => {
    const old = await makeAuthority(undefined, start, 'a')
    const next = await makeAuthority(old, later(3300), 'b')
    expect(trustBundle(next)).toBe(next.certPem + old.certPem)
    const third = await makeAuthority(next, later(3660), 'c')
    expect(trustBundle(third)).toBe(third.certPem + next.certPem)
  })
})

describe('the certificates of tunnels', () => {
  it('stay while they fit, and are renewed for a new name or before their end', async () => {
    const authority = await makeAuthority(undefined, start, 'a')
    const files = await nextFrpFiles(authority, {}, wishes)
    expect(await nextFrpFiles(authority, files, wishes)).toEqual(files)
    expect(await nextFrpFiles(authority, files, { ...wishes, now: later(398 - 31) })).toEqual(files)
    const renewed = await nextFrpFiles(authority, files, { ...wishes, now: later(398 - 29) })
    expect(renewed['server.crt']).not.toBe(files['server.crt'])
    expect(renewed['client.crt']).toBe(files['client.crt'])
    const named = await nextFrpFiles(authority, files, { ...wishes, serverNames: [...wishes.serverNames, 'frp.example.org'] })
    expect(named['server.crt']).not.toBe(files['server.crt'])
  })

  it('of an issuer are used when both are there, and its CA before stays trusted until it ends', async () => {
    const old = await makeAuthority(undefined, start, 'a')
    const next = await makeAuthority(undefined, later(3640), 'b')
    const issued = { server: { 'ca.crt': next.certPem, 'tls.crt': 'server', 'tls.key': 'key' }, client: { 'tls.crt': 'client', 'tls.key': 'key' } }
    expect(issuedFrpFiles({ ...issued, client: {} }, {}, start)).toBeUndefined()
    expect(issuedFrpFiles(issued, { 'ca.crt': old.certPem }, later(3641))?.['ca.crt']).toBe(next.certPem + old.certPem)
    expect(issuedFrpFiles(issued, { 'ca.crt': old.certPem }, later(3651))?.['ca.crt']).toBe(next.certPem)
  })
})
