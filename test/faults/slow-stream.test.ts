import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { expect, it } from 'vitest'
import { describeWithPeer } from '../support/describe-with-peer.ts'
import { ensureFrp, frpVersions } from '../support/peers/frp.ts'
import { undisturbed } from './bystander.ts'
import { FaultStage, type Service } from './stage.ts'
import { outcomesOf, startTransfers, whole } from './transfers.ts'
import { type Usage, leftBehind, memoryOf, settling, usageOf } from './usage.ts'

/** Streams that stand still, each with all that it may hold: one window, and what the kernel takes. */
const standstills = 20

for (const version of frpVersions) {
  describeWithPeer('a stream that stands still', { name: `frpc ${version}`, ensure: () => ensureFrp(version) }, ({ prepare, finish }) => {
    let stage: FaultStage
    let exApp: Service
    let calm: Usage
    prepare(async () => {
      stage = await FaultStage.set({ HP_TIMEOUT_CLIENT: '60s', HP_TIMEOUT_SERVER: '60s' })
      exApp = await stage.addExApp({ name: 'exapp', version })
      calm = await usageOf(stage.plane)
    })
    finish(() => stage[Symbol.asyncDispose]())

    async function open(head: string): Promise<Socket> {
      const socket = connect({ port: stage.plane.ports.http, host: '127.0.0.1' })
      socket.on('error', () => {}) // it is cut in the end
      await once(socket, 'connect')
      socket.write(`${head}\r\nHost: x\r\n`)
      return socket
    }

    /** A visitor who asks for a download and does not read it. */
    async function downloadUnread(name: string): Promise<Socket> {
      const socket = await open(`GET /exapps/exapp/download/${name} HTTP/1.1`)
      socket.pause().write('\r\n')
      await exApp.program.waitForOutput(new RegExp(`download ${name} began`))
      return socket
    }

    /** A visitor who uploads to an ExApp that does not read it. */
    async function uploadUnread(name: string): Promise<Socket> {
      const socket = await open(`POST /exapps/exapp/silence/${name} HTTP/1.1`)
      socket.write('Content-Length: 1000000000\r\n\r\n')
      const block = randomBytes(1024 * 1024)
      const pour = (): void => void socket.write(block, (error) => error || pour())
      pour()
      await exApp.program.waitForOutput(new RegExp(`silence ${name} began`))
      return socket
    }

    it.each([
      ['a visitor does not read', downloadUnread],
      ['the ExApp does not read', uploadUnread],
    ])('because %s never delays another one in the same tunnel', async (_why, standStill) => {
      const before = (await memoryOf(stage.plane)).now
      const sockets = await Promise.all(Array.from({ length: standstills }, (_, index) => standStill(`still${index}`)))
      await undisturbed(stage.url('exapp'), async () => {
        expect(await outcomesOf(await startTransfers(stage, exApp))).toEqual(whole)
      })
      expect((await memoryOf(stage.plane)).now - before).toBeLessThan(160 * 1024 ** 2)
      for (const socket of sockets) socket.destroy()
      // Nobody sees a visitor go whose bytes nobody takes; the ExApp's own end is seen.
      exApp.program.kill('SIGKILL')
      exApp.program = await stage.startProgram(exApp)
      await expect.poll(() => leftBehind(stage.plane, calm), settling).toEqual({})
    }, 60_000)
  })
}
