import { execFile } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { connect, type ClientHttp2Session } from 'node:http2'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { once } from 'node:events'
import { connect as connectTls } from 'node:tls'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { clientOn } from './http2-client.ts'
import { freshClient, type Stage, setStage } from './stage.ts'

const run = promisify(execFile)
const bytes = 32 * 1024 ** 2

/** Key and certificate for a host, as one PEM text. */
async function makeCertificate(host: string, folder: string): Promise<string> {
  const [key, crt] = [join(folder, `${host}.key`), join(folder, `${host}.crt`)]
  await run('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', crt, '-days', '2', '-subj', `/CN=${host}`, '-addext', `subjectAltName=DNS:${host}`])
  return (await readFile(key, 'utf8')) + (await readFile(crt, 'utf8'))
}

describe('with curl', () => {
  let stage: Stage
  let folder: string
  let upload: string
  let hash: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'harpoon-curl-'))
    await writeFile(join(folder, 'cert.pem'), await makeCertificate('localhost', folder))
    upload = join(folder, 'upload')
    const content = randomBytes(bytes)
    hash = createHash('sha256').update(content).digest('hex')
    await writeFile(upload, content)
    stage = await setStage({ HARPOON_CERTS_DIR: folder, HP_BLACKLIST_COUNT: '1000', HP_TIMEOUT_CLIENT: '5s' })
  })
  afterAll(async () => {
    await stage.close()
    await rm(folder, { recursive: true })
  })

  /** What curl made of it: the version that was spoken, the status, the bytes that came and went, the body. */
  async function curl(how: readonly string[], path: string, ...options: string[]): Promise<{ version: string; status: string; down: number; up: number; body: string; exit: number }> {
    const secure = how.includes('--http2') || how.includes('https')
    const origin = secure ? `https://localhost:${stage.plane.ports.https}` : `http://127.0.0.1:${stage.port}`
    const trust = secure ? ['--cacert', join(folder, 'localhost.crt'), '--resolve', `localhost:${stage.plane.ports.https}:127.0.0.1`] : ['--interface', freshClient()]
    const report = ['-s', '--max-time', '60', '-w', '\n%{http_version} %{http_code} %{size_download} %{size_upload}']
    const ran = await run('curl', [...report, ...how.filter((option) => option.startsWith('--')), ...trust, ...options, `${origin}${path}`], { maxBuffer: 2 ** 30 }).then(
      ({ stdout }) => ({ stdout, exit: 0 }),
      ({ stdout, code }: { stdout: string; code: number }) => ({ stdout, exit: code }),
    )
    const [, body = '', version = '', status = '', down, up] = /^([^]*)\n(\S+) (\d+) (\d+) (\d+)$/.exec(ran.stdout) ?? []
    return { version, status, down: Number(down), up: Number(up), body, exit: ran.exit }
  }

  const ways = [
    ['h2 over TLS (8781)', ['--http2'], '2'],
    ['h2c with prior knowledge (8780)', ['--http2-prior-knowledge'], '2'],
    ['HTTP/1.1 over TLS (8781)', ['https', '--http1.1'], '1.1'],
    ['HTTP/1.1 (8780)', ['--http1.1'], '1.1'],
    ['HTTP/1.1 over TLS without ALPN (8781)', ['https', '--no-alpn'], '1.1'],
  ] as const

  describe.each(ways)('%s', (_name, how, version) => {
    it('a page, an upload and a download of 32 MiB, a refusal and a drop are the same', async () => {
      expect(await curl(how, '/exapps/demo/status/418')).toMatchObject({ version, status: '418', body: 'status 418\n', exit: 0 })
      const uploaded = await curl(how, '/exapps/demo/upload', '-T', upload)
      expect(uploaded).toMatchObject({ version, status: '200', up: bytes, exit: 0 })
      expect(JSON.parse(uploaded.body)).toEqual({ length: bytes, sha256: hash })
      expect(await curl(how, `/exapps/demo/big?bytes=${bytes}`, '-o', '/dev/null')).toMatchObject({ version, status: '200', down: bytes, exit: 0 })
      expect(await curl(how, `/exapps/demo/big?bytes=${bytes}&chunked`, '-o', '/dev/null')).toMatchObject({ status: '200', down: bytes, exit: 0 })
      expect(await curl(how, '/exapps/demo/user', '-T', upload)).toMatchObject({ version, status: '403', body: '403 Forbidden', exit: 0 })
      expect(await curl(how, '/exapps/demo/heartbeat')).toMatchObject({ status: '000', body: '' })
      expect((await curl(how, '/exapps/demo/cut?bytes=1000')).exit).not.toBe(0)
    })
  })

  // Not with prior knowledge: curl 7.88 loses its way when it uses such a connection again, whatever the server.
  it.each(ways.filter(([, how]) => how[0] !== '--http2-prior-knowledge'))('%s: a hundred requests at once are answered', async (_name, how, version) => {
    const config = join(folder, 'many')
    const origin = how[0] === '--http1.1' ? `http://127.0.0.1:${stage.port}` : `https://localhost:${stage.plane.ports.https}`
    await writeFile(config, Array.from({ length: 100 }, (_, at) => `url = "${origin}/exapps/demo/x/${at}"\noutput = "/dev/null"\n`).join(''))
    const options = how.filter((option) => option.startsWith('--'))
    const { stdout } = await run('curl', ['-s', '-k', '--max-time', '60', '-Z', '--parallel-max', '100', ...options, '-w', '%{http_code} %{http_version}\n', '-K', config])
    expect(stdout.trim().split('\n')).toEqual(Array.from({ length: 100 }, () => `200 ${version}`))
  })

  it('an offer to change to HTTP/2 on 8780 is not taken, and the answer comes in HTTP/1.1', async () => {
    const { stdout } = await run('curl', ['-s', '--http2', '-w', '%{http_version} %{http_code}', '-o', '/dev/null', `http://127.0.0.1:${stage.port}/exapps/demo/x`])
    expect(stdout).toBe('1.1 200')
  })

  it('a new certificate is for new connections of HTTP/2 as well; one that is open goes on', async () => {
    const session = async (): Promise<{ session: ClientHttp2Session; name: string }> => {
      const opened = connect(`https://localhost:${stage.plane.ports.https}`, { rejectUnauthorized: false })
      const [, socket] = (await once(opened, 'connect')) as [unknown, { getPeerCertificate(): { subject: { CN: string } } }]
      return { session: opened, name: socket.getPeerCertificate().subject.CN }
    }
    const before = await session()
    expect(before.name).toBe('localhost')
    await writeFile(join(folder, 'cert.pem'), await makeCertificate('other.example', folder))
    await stage.plane.reload()
    const after = await session()
    expect(after.name).toBe('other.example')
    const [old, fresh] = [clientOn(before.session), clientOn(after.session)]
    expect([await old.ask({ path: '/exapps/demo/x' }), await fresh.ask({ path: '/exapps/demo/x' })]).toMatchObject([{ status: 200 }, { status: 200 }])
    old.close()
    fresh.close()
  })

  it('a TLS connection that says nothing, or not what it should, is closed', async () => {
    const port = stage.plane.ports.https ?? 0
    const silent = connectTls({ port, rejectUnauthorized: false, ALPNProtocols: ['h2'] })
    const odd = connectTls({ port, rejectUnauthorized: false, ALPNProtocols: ['h2'] })
    for (const socket of [silent, odd]) socket.on('error', () => {}).resume()
    await once(odd, 'secureConnect')
    odd.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    await Promise.all([once(silent, 'close'), once(odd, 'close')])
    const unspoken = connectTls({ port, rejectUnauthorized: false, ALPNProtocols: ['spdy/3'] })
    await expect(once(unspoken, 'secureConnect')).rejects.toThrow(/no application protocol|reset|disconnected/i)
  })
})
