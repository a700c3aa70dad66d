import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import type { Server } from 'node:net'
import { text } from 'node:stream/consumers'
import { expect, it, onTestFinished } from 'vitest'
import { describeWithPeer } from './describe-with-peer.ts'
import { frpcVersions, startFrpc, startFrps } from './frpc.ts'
import { frp } from './peers/frp.ts'

for (const version of frpcVersions) {
  describeWithPeer(`frp ${version}`, frp(version), ({ current }) => {
    it('opens a tunnel between its own two programs', async () => {
      const service = createServer((socket) => socket.end('through the tunnel'))
      const servicePort = await listen(service)
      const [serverPort, remotePort] = await Promise.all([unusedPort(), unusedPort()])
      const server = await startFrps({ version, config: `bindAddr = "127.0.0.1"\nbindPort = ${serverPort}\n` })
      onTestFinished(server.stop)
      await server.waitForOutput(/frps started successfully/)
      const client = await startFrpc({
        version,
        config: [
          'serverAddr = "127.0.0.1"',
          `serverPort = ${serverPort}`,
          '[[proxies]]',
          'name = "service"',
          'type = "tcp"',
          'localIP = "127.0.0.1"',
          `localPort = ${servicePort}`,
          `remotePort = ${remotePort}`,
        ].join('\n'),
      })
      onTestFinished(client.stop)
      await client.waitForOutput(/start proxy success/)
      expect(await text(connect(remotePort, '127.0.0.1'))).toBe('through the tunnel')
    })

    it('is killed and leaves no folder behind when it is stopped', async () => {
      const client = await startFrpc({ version, config: 'serverAddr = "127.0.0.1"\nserverPort = 1\nloginFailExit = false\n' })
      const output = await client.waitForOutput(/config file \[[^\]]+\]/)
      const file = output.slice(output.indexOf('[') + 1, -1)
      expect(existsSync(file)).toBe(true)
      await client.stop()
      expect(() => process.kill(client.pid, 0)).toThrow('ESRCH')
      expect(existsSync(file)).toBe(false)
    })

    it('says what it printed when what was awaited never comes', async () => {
      const client = await startFrpc({ version, config: 'serverAddr = "127.0.0.1"\nserverPort = 1\n' })
      await expect(client.waitForOutput(/start proxy success/)).rejects.toThrow(/ended without printing[\s\S]*connection refused/)
      expect(await client.exited).toEqual({ code: 1, signal: null })
      expect(current().frpc).toContain(version)
    })
  })
}

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port')
  return address.port
}

/** A port that is free now: frps cannot tell which one it was given. */
async function unusedPort(): Promise<number> {
  const server = createServer()
  const port = await listen(server)
  server.close()
  return port
}
