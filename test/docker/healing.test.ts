import { describe, expect, it } from 'vitest'
import { describeWithPeer } from '../support/describe-with-peer.ts'
import { frp } from '../support/peers/frp.ts'
import { EngineStage } from './engine-stage.ts'
import { startStandInEngine } from './stand-in-engine.ts'

const environment = { HP_TIMEOUT_CONNECT: '2s' }

describe('an engine that restarts behind the local socket', () => {
  it('is reached again as soon as it is back, over a fresh connection', async () => {
    await using stage = await EngineStage.set({ localSocket: 'docker.sock', environment })
    const socket = stage.socket('docker.sock')
    const first = await startStandInEngine(socket)
    expect(await stage.ping('24000')).toMatchObject({ status: 200 })
    await first.close()
    expect(await stage.ping('24000')).toMatchObject({ status: 503 })
    const second = await startStandInEngine(socket)
    stage.alsoClose(() => second.close())
    expect(await stage.ping('24000')).toMatchObject({ status: 200 })
  })

  it('is not missed when it restarts between two calls', async () => {
    await using stage = await EngineStage.set({ localSocket: 'docker.sock', environment })
    const socket = stage.socket('docker.sock')
    let engine = await startStandInEngine(socket)
    stage.alsoClose(() => engine.close())
    for (let restarts = 0; restarts < 10; restarts += 1) {
      const { status, text } = await stage.ping('24000')
      expect({ restarts, status, text }).toEqual({ restarts, status: 200, text: 'OK' })
      await engine.close()
      engine = await startStandInEngine(socket)
    }
  })

  it('may end a kept connection just when it is used: the call is made again', async () => {
    await using stage = await EngineStage.set({ localSocket: 'docker.sock', environment })
    let questions = 0
    const engine = await startStandInEngine(stage.socket('docker.sock'), {
      version: (incoming, reply) => {
        questions += 1
        if (questions === 2) incoming.socket.destroy()
        else reply.end('{"ApiVersion":"1.47","MinAPIVersion":"1.24"}')
      },
    })
    stage.alsoClose(() => engine.close())
    expect([(await stage.ping('24000')).status, (await stage.ping('24000')).status]).toEqual([200, 200])
    expect(questions).toBe(3)
  })
})

describeWithPeer('an engine behind a real frpc', frp('0.71.0'), () => {
  it('is reached again after it, and after frpc, restarted', async () => {
    await using stage = await EngineStage.set({ environment: { HP_TIMEOUT_CONNECT: '2s' } })
    const socketPath = stage.socket('engine.sock')
    const first = await startStandInEngine(socketPath)
    const frpc = await stage.connectEngine({ version: '0.71.0', remotePort: 24_001, socketPath })
    expect(await stage.ping('24001')).toMatchObject({ status: 200 })

    await first.close()
    expect([503, 504]).toContain((await stage.ping('24001')).status)
    const second = await startStandInEngine(socketPath)
    stage.alsoClose(() => second.close())
    expect(await stage.ping('24001')).toMatchObject({ status: 200 })

    await frpc.stop()
    expect(await stage.ping('24001')).toMatchObject({ status: 503 })
    await stage.connectEngine({ version: '0.71.0', remotePort: 24_001, socketPath })
    expect(await stage.ping('24001')).toMatchObject({ status: 200 })
  })

  it('is waited for while its frpc reconnects', async () => {
    await using stage = await EngineStage.set({ environment: { HP_TIMEOUT_CONNECT: '15s' } })
    const socketPath = stage.socket('engine.sock')
    const engine = await startStandInEngine(socketPath)
    stage.alsoClose(() => engine.close())
    const early = stage.ping('24001')
    await stage.connectEngine({ version: '0.71.0', remotePort: 24_001, socketPath })
    expect(await early).toMatchObject({ status: 200, text: 'OK' })
  })
})
