import { once } from 'node:events'
import type { Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { type HttpExApp, startHttpExApp } from '../request/http-exapp.ts'
import { type RawClient, connectRaw } from '../request/raw-client.ts'
import { type Stage, setStage } from '../request/stage.ts'
import { describeWithPeer } from '../support/describe-with-peer.ts'
import type { ChildProcess } from '../support/peers/child-process.ts'
import { ensureFrp, frpVersions } from '../support/peers/frp.ts'
import { connectPlainTunnel } from './plain-tunnel.ts'

const upgrade = 'GET /exapps/own/x HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n'

for (const version of frpVersions) {
  describeWithPeer('a visitor who leaves an upgraded connection to an ExApp behind a tunnel', { name: `frpc ${version}`, ensure: () => ensureFrp(version) }, ({ prepare, finish }) => {
    let stage: Stage
    let exApp: HttpExApp
    let frpc: ChildProcess
    prepare(async () => {
      stage = await setStage()
      exApp = await startHttpExApp(() => {})
      stage.nextcloud.addExApp({ appId: 'own', port: 23_000, routes: [{ url: '.*', access_level: 0 }] })
      frpc = await connectPlainTunnel({ version, frpPort: stage.plane.ports.frp, localPort: exApp.port })
    })
    finish(async () => {
      await frpc.stop()
      await stage.close()
      await exApp.close()
    })

    /** Both ends of a connection that has left HTTP. */
    async function open(): Promise<{ visitor: RawClient; service: Socket }> {
      const upgraded = once(exApp.server, 'upgrade') as Promise<[unknown, Socket]>
      const visitor = await connectRaw(stage.port)
      visitor.write(upgrade)
      const [, service] = await upgraded
      service.on('error', () => {}).write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n')
      service.on('end', () => service.end()).resume()
      await visitor.until('\r\n\r\n')
      return { visitor, service }
    }

    it.each([
      ['closes', (visitor: RawClient) => visitor.socket.end()],
      ['resets', (visitor: RawClient) => visitor.socket.resetAndDestroy()],
    ])('is gone for the ExApp within two seconds, though frp passes no half-close on: it %s', async (_how, leave) => {
      const { visitor, service } = await open()
      const leftAt = performance.now()
      leave(visitor)
      await once(service, 'close')
      expect(performance.now() - leftAt).toBeLessThan(2_000)
    })

    it('still hears what the ExApp is saying', async () => {
      const { visitor, service } = await open()
      visitor.socket.end('my last word')
      for (let word = 1; word <= 10; word++) {
        service.write(`word ${word}\n`)
        await delay(250) // slower than most, and longer in all than an ExApp that says nothing is waited for
      }
      service.end('that is all')
      expect(await visitor.closed).toMatch(/word 1\nword 2\n.*word 10\nthat is all$/s)
    })

    it('has its own last words taken there, however long the ExApp takes', async () => {
      const bytes = 8 * 1024 * 1024
      const { visitor, service } = await open()
      service.pause()
      visitor.socket.end(Buffer.alloc(bytes))
      await delay(2_500) // longer than an ExApp that says nothing is waited for
      let received = 0
      service.on('data', (chunk: Buffer) => (received += chunk.length)).resume()
      await once(service, 'close')
      expect(received).toBe(bytes)
    })
  })
}
