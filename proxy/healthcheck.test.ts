import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { RequestListener } from 'node:http'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { expect, it, onTestFinished } from 'vitest'

async function checkAgainst(answer: RequestListener | undefined) {
  const server = createServer(answer)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const stop = () => {
    server.close()
    server.closeAllConnections()
  }
  onTestFinished(stop)
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port')
  if (!answer) stop()
  const child = spawn(process.execPath, [path.join(import.meta.dirname, 'healthcheck.ts')], {
    env: { NC_INSTANCE_URL: 'http://nextcloud.example', HP_SHARED_KEY: 'test-key', HARPOON_ADMIN_ADDRESS: `0.0.0.0:${address.port}` },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const [said, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')])
  return { code: Number(code), said: said.trim() }
}

it('passes when the data plane says that it is alive', async () => {
  const asked: unknown[] = []
  const outcome = await checkAgainst((request, response) => {
    asked.push(request.url)
    response.end('ok')
  })
  expect(outcome).toEqual({ code: 0, said: '' })
  expect(asked).toEqual(['/livez'])
})

it('fails when the data plane says that it is not', async () => {
  const outcome = await checkAgainst((_request, response) => void response.writeHead(503).end('stuck'))
  expect(outcome).toEqual({ code: 1, said: 'unhealthy: /livez answered 503' })
})

it('fails when nothing listens', async () => {
  const { code, said } = await checkAgainst(undefined)
  expect(code).toBe(1)
  expect(said).toContain('ECONNREFUSED')
})

it('fails within its time limit when no answer comes, and when one starts and never ends', async () => {
  const [silent, unfinished] = await Promise.all([
    checkAgainst(() => {}),
    checkAgainst((_request, response) => void response.writeHead(200, { 'content-length': 10 }).write('half')),
  ])
  expect(silent).toEqual({ code: 1, said: 'unhealthy: no answer within 5 s' })
  expect(unfinished.code).toBe(1)
})
