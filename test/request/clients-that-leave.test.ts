import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { makeThrowAwayCertificate } from '../../proxy/certificates/throw-away.ts'
import { startProcess } from '../support/peers/child-process.ts'
import { code, connectFrames, flag, frame, frameType, getFields, headerBlock } from './http2-frames.ts'
import { connectToLeave, type LeavingClient } from './leaving-client.ts'
import { type Stage, setStage } from './stage.ts'
import { startWatchfulExApp, type WatchfulExApp } from './watchful-exapp.ts'

/** How soon everybody has to know that a client is gone. */
const soon = { timeout: 2_000, interval: 20 }

const mebibyte = 1024 ** 2

/** More than kernels take of an upload that nobody reads, by less than is read ahead. */
const uploadBytes = 6 * mebibyte
const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`
const post = (path: string, more = ''): string => `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: ${1024 * mebibyte}\r\n${more}\r\n`
const upgrade = (path: string): string =>
  `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`

interface State {
  readonly name: string
  /** It has more to send than is read ahead: its kernel keeps an orderly end behind that, where nobody can see it. */
  readonly endless?: boolean
  /** What the ExApp knows it by; none when it never hears of it. */
  readonly url?: string
  readonly reach: (client: LeavingClient) => Promise<void>
}

describe('a client that leaves is noticed within 2 s, whatever its request is doing:', () => {
  let stage: Stage
  let exApp: WatchfulExApp
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'harpoon-leave-'))
    const { cert, key } = await makeThrowAwayCertificate(Date.now())
    await writeFile(join(folder, 'cert.pem'), cert + key)
    stage = await setStage({ HARPOON_CERTS_DIR: folder })
    exApp = await startWatchfulExApp()
    const routes = [{ url: '.*', access_level: 0 as const }]
    stage.nextcloud.addExApp({ appId: 'own', port: exApp.port, routes })
    stage.nextcloud.addExApp({ appId: 'away', host: '127.0.0.1', port: 23_456, routes })
  })
  afterAll(async () => {
    await stage.close()
    await exApp.close()
    await rm(folder, { recursive: true, force: true })
  })

  const running = async (): Promise<number> => {
    const metrics = await (await fetch(`http://127.0.0.1:${stage.plane.ports.admin}/metrics`, { headers: { connection: 'close' } })).text()
    return Number(/^harpoon_requests_running (\d+)$/m.exec(metrics)?.[1])
  }
  const calls = (endpoint: 'exapp-meta' | 'user-info'): number => stage.nextcloud.calls.filter((call) => call.endpoint === endpoint).length
  const asked = (url: string): Promise<void> => expect.poll(() => exApp.requests.at(-1)).toMatchObject({ url, ended: false })

  const states: readonly State[] = [
    {
      name: 'it waits for what Nextcloud says of the ExApp',
      reach: async (client) => {
        const before = calls('exapp-meta')
        stage.nextcloud.setFault('exapp-meta', { kind: 'hang' }, 1)
        await client.write(get(`/exapps/slow${before}/x`))
        await expect.poll(() => calls('exapp-meta')).toBe(before + 1)
      },
    },
    {
      name: 'it waits for what Nextcloud says of it, with a body that waits unread',
      endless: true,
      reach: async (client) => {
        const before = calls('user-info')
        stage.nextcloud.setFault('user-info', { kind: 'hang' }, 1)
        await client.write(post('/exapps/own/x', `Cookie: oc_sessionPassphrase=unknown-${before}\r\n`))
        await client.pour()
        expect(calls('user-info')).toBe(before + 1)
      },
    },
    {
      name: 'it waits for a tunnel that may come back',
      reach: async (client) => {
        await client.write(get('/exapps/away/x'))
        await expect.poll(running).toBe(1)
      },
    },
    {
      name: 'it waits for a tunnel, with a body that waits unread',
      endless: true,
      reach: async (client) => {
        await client.write(post('/exapps/away/x'))
        await client.pour()
      },
    },
    { name: 'the ExApp reads its upload', url: '/read', reach: async (client) => {
      await client.write(post('/exapps/own/read') + 'half of it')
      await asked('/read')
    } },
    { name: 'the ExApp has stopped reading its upload', endless: true, url: '/unread', reach: async (client) => {
      await client.write(post('/exapps/own/unread'))
      await client.pour()
    } },
    { name: 'the ExApp has stopped reading its upload, which waited for "continue"', endless: true, url: '/unread', reach: async (client) => {
      await client.write(post('/exapps/own/unread', 'Expect: 100-continue\r\n'))
      await client.until('100 Continue')
      await client.pour()
    } },
    { name: 'the whole upload is sent and the ExApp does not read it', url: '/unread', reach: async (client) => {
      await client.write(`POST /exapps/own/unread HTTP/1.1\r\nHost: x\r\nContent-Length: ${uploadBytes}\r\n\r\n${'x'.repeat(uploadBytes)}`)
      await asked('/unread')
    } },
    { name: 'it waits for an answer', url: '/silent', reach: async (client) => {
      await client.write(get('/exapps/own/silent'))
      await asked('/silent')
    } },
    { name: 'it waits for an answer and has sent the next request ahead, with a body that waits unread', url: '/silent', reach: async (client) => {
      await client.write(get('/exapps/own/silent') + post('/exapps/own/next'))
      await asked('/silent')
    } },
    { name: 'it waits for the next event', url: '/event', reach: async (client) => {
      await client.write(get('/exapps/own/event'))
      await client.until('data: 1')
    } },
    { name: 'it does not read the answer', url: '/endless', reach: async (client) => {
      await client.write(get('/exapps/own/endless'))
      await client.until('200 OK')
      client.pause()
    } },
    { name: 'it waits for a WebSocket', url: '/silent', reach: async (client) => {
      await client.write(upgrade('/exapps/own/silent'))
      await asked('/silent')
    } },
    { name: 'it waits for a WebSocket and has sent its first words already', url: '/silent', reach: async (client) => {
      await client.write(upgrade('/exapps/own/silent') + 'first words')
      await asked('/silent')
    } },
    { name: 'it waits for a WebSocket behind a tunnel that may come back', reach: async (client) => {
      await client.write(upgrade('/exapps/away/x') + 'first words')
      await expect.poll(running).toBe(1)
    } },
    { name: 'it was refused a WebSocket and does not read why', url: '/plain', reach: async (client) => {
      await client.write(upgrade('/exapps/own/plain'))
      await client.until('200 OK')
      client.pause()
    } },
    { name: 'its WebSocket is silent', url: '/idle-socket', reach: async (client) => {
      await client.write(upgrade('/exapps/own/idle-socket'))
      await client.until('101 Switching')
    } },
    { name: 'its WebSocket is not read from by the ExApp', url: '/unread-socket', reach: async (client) => {
      await client.write(upgrade('/exapps/own/unread-socket'))
      await client.until('101 Switching')
      await client.write('x'.repeat(uploadBytes))
    } },
    { name: 'its WebSocket is not read from by the ExApp, and it sends on and on', endless: true, url: '/unread-socket', reach: async (client) => {
      await client.write(upgrade('/exapps/own/unread-socket'))
      await client.until('101 Switching')
      await client.pour()
    } },
    { name: 'it does not read from its WebSocket', url: '/flooding-socket', reach: async (client) => {
      await client.write(upgrade('/exapps/own/flooding-socket'))
      await client.until('101 Switching')
      client.pause()
    } },
  ]

  describe.each([['HTTP', false], ['HTTPS', true]])('%s,', (_name, secure) => {
    describe.each(states.map((state) => [state.name, state] as const))('%s', (_state, { url, endless, reach }) => {
      it.each(endless ? (['resets'] as const) : (['closes', 'resets'] as const))('and it %s', async (how) => {
        const client = await connectToLeave(secure ? stage.plane.ports.https ?? 0 : stage.port, secure)
        onTestFinished(() => client.leave('resets'))
        const [requests, lines, before] = [exApp.requests.length, stage.plane.log.length, await running()]
        await reach(client)
        if (url !== undefined) await asked(url)
        expect(await running()).toBe(before + 1)
        client.leave(how)
        await expect.poll(() => exApp.requests.slice(requests).every(({ ended }) => ended), soon).toBe(true)
        await expect.poll(running, soon).toBe(before)
        expect(exApp.requests.slice(requests).map((request) => request.url)).toEqual(url === undefined ? [] : [url])
        expect(stage.plane.log.slice(lines).filter(({ level }) => level === 'error')).toEqual([])
      })
    })
  })

  const http2States = [
    ['it waits for an answer', '/silent', 'GET', 0],
    ['it waits for a tunnel that may come back', undefined, 'GET', 0],
    ['it waits for the next event', '/event', 'GET', 0],
    ['it does not read the answer', '/endless', 'GET', 0],
    ['the ExApp reads its upload', '/read', 'POST', 1],
    ['the ExApp has stopped reading its upload', '/unread', 'POST', 3],
  ] as const
  describe.each(http2States)('HTTP/2, %s', (_name, url, method, blocks) => {
    it.each(['takes it back', 'closes', 'resets'])('and it %s', async (how) => {
      const frames = await connectFrames(stage.port)
      const requests = exApp.requests.length
      frames.write(frame(frameType.headers, flag.endHeaders | (blocks === 0 ? flag.endStream : 0), 1, headerBlock(getFields(url === undefined ? '/exapps/away/x' : `/exapps/own${url}`, [], method))))
      // As much as a stream's window admits before the server has said otherwise.
      for (let block = 0; block < blocks; block++) frames.write(frame(frameType.data, 0, 1, Buffer.alloc(16 * 1024 - 1)))
      if (url !== undefined) await asked(url)
      await expect.poll(running).toBe(1)
      if (how === 'takes it back') frames.write(frame(frameType.reset, 0, 1, Buffer.of(0, 0, 0, code.cancel)))
      else if (how === 'closes') frames.raw.socket.destroy()
      else frames.raw.socket.resetAndDestroy()
      await expect.poll(() => exApp.requests.slice(requests).every(({ ended }) => ended), soon).toBe(true)
      await expect.poll(running, soon).toBe(0)
      frames.close()
    })
  })

  describe.each(['--http1.1', '--http2-prior-knowledge'])('curl %s is killed', (version) => {
    it.each([
      ['while it waits', '/silent', []],
      ['while it receives', '/endless', ['--limit-rate', '1000']],
      ['while it uploads', '/read', ['-T', '/dev/zero', '--limit-rate', '1M']],
      ['while the ExApp does not read its upload', '/unread', ['-d', `@${new URL('../../package-lock.json', import.meta.url).pathname}`]],
    ])('%s', async (_when, url, options) => {
      const requests = exApp.requests.length
      const curl = await startProcess({ program: 'curl', args: ['-s', '-o', '/dev/null', version, ...options, `http://127.0.0.1:${stage.port}/exapps/own${url}`] })
      await asked(url)
      curl.kill('SIGKILL')
      await curl.exited
      await expect.poll(() => exApp.requests.slice(requests).every(({ ended }) => ended), soon).toBe(true)
      await expect.poll(running, soon).toBe(0)
    })
  })
})
