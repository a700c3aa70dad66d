import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { request } from 'node:https'
import { connect } from 'node:tls'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { type Stage, setStage } from '../request/stage.ts'
import { startDataPlaneProcess } from '../support/data-plane-process.ts'

const run = promisify(execFile)

describe('with /certs/cert.pem', () => {
  let folder: string
  let stage: Stage
  let certificate: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'harpoon-https-'))
    const pem = await makeCertificate('localhost', folder)
    certificate = pem.slice(pem.indexOf('-----BEGIN CERTIFICATE'))
    await writeFile(join(folder, 'cert.pem'), pem, { mode: 0o400 })
    stage = await setStage({ HARPOON_CERTS_DIR: folder })
  })
  afterAll(async () => {
    await stage.close()
    await rm(folder, { recursive: true, force: true })
  })

  it('Q23: serves the same over HTTPS, with that certificate, and leaves the file alone', async () => {
    const call = request({ host: 'localhost', port: stage.plane.ports.https, path: '/exapps/demo/public', ca: certificate, agent: false }).end()
    const [response] = (await once(call, 'response')) as [{ statusCode: number; resume(): void }]
    response.resume()
    expect(response.statusCode).toBe(200)
    expect((await stat(join(folder, 'cert.pem'))).mode & 0o777).toBe(0o400) // Q23
  })

  it('drops without a byte there too', async () => {
    const call = request({ host: 'localhost', port: stage.plane.ports.https, path: '/exapps/demo/heartbeat', ca: certificate, agent: false })
    await expect(once(call.end(), 'response')).rejects.toThrow(/hang up|ECONNRESET/)
  })

  it('takes WebSockets', async () => {
    const socket = new WebSocket(`wss://localhost:${stage.plane.ports.https}/exapps/demo/ws`, { ca: certificate })
    await once(socket, 'open')
    socket.send('x')
    expect(String((await once(socket, 'message'))[0])).toBe('x')
    socket.close()
    await once(socket, 'close')
  })
})

it('without it there is no HTTPS listener', async () => {
  const stage = await setStage()
  expect(stage.plane.ports.https).toBeUndefined()
  await stage.close()
})

it('takes a new certificate at SIGHUP without dropping a connection, and keeps the old one when the new is broken', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'harpoon-hup-'))
  const pem = join(folder, 'cert.pem')
  await writeFile(pem, await makeCertificate('first.example', folder))
  const plane = await startDataPlaneProcess({ NC_INSTANCE_URL: 'http://127.0.0.1:1', HARPOON_CERTS_DIR: folder })
  const name = () => servedName(plane.ports.https ?? 0)
  expect(await name()).toBe('first.example')
  const open = connect({ port: plane.ports.https ?? 0, rejectUnauthorized: false })
  await once(open, 'secureConnect')

  await writeFile(pem, await makeCertificate('second.example', folder))
  plane.kill('SIGHUP')
  await expect.poll(name).toBe('second.example')
  open.write('GET /x HTTP/1.1\r\nHost: x\r\n\r\n')
  expect(String((await once(open, 'data'))[0])).toMatch(/^HTTP\/1.1 404 /)
  open.destroy()

  await writeFile(pem, 'broken')
  plane.kill('SIGHUP')
  await plane.waitForOutput(/certificates cannot be used, the old ones stay/)
  expect(await name()).toBe('second.example')
  await plane.stop()
  await rm(folder, { recursive: true })
})

/** Key and certificate for a host, as one PEM text. */
async function makeCertificate(host: string, folder: string): Promise<string> {
  const [key, crt] = [join(folder, `${host}.key`), join(folder, `${host}.crt`)]
  await run('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', crt, '-days', '2', '-subj', `/CN=${host}`, '-addext', `subjectAltName=DNS:${host}`])
  return (await readFile(key, 'utf8')) + (await readFile(crt, 'utf8'))
}

async function servedName(port: number): Promise<string> {
  const socket = connect({ port, rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  const { CN } = socket.getPeerCertificate().subject
  socket.destroy()
  return String(CN)
}
