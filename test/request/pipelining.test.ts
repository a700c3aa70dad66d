import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connectRaw } from './raw-client.ts'
import { type RawExApp, type RawRequest, startRawExApp } from './raw-exapp.ts'
import { type Stage, setStage } from './stage.ts'

describe('requests that are sent ahead of the answers', () => {
  let stage: Stage
  let exApp: RawExApp
  const waiting: RawRequest[] = []
  beforeAll(async () => {
    stage = await setStage({ HP_TIMEOUT_CLIENT: '60s' })
    exApp = await startRawExApp((request) => void waiting.push(request))
    stage.nextcloud.addExApp({ appId: 'raw', port: exApp.port, routes: [{ url: '.*', access_level: 0 }] })
  })
  afterAll(async () => {
    await stage.close()
    await exApp.close()
  })

  const get = (path: string, more = ''): string => `GET /exapps/raw/${path} HTTP/1.1\r\nHost: x\r\n${more}\r\n`
  const lineOf = (request: RawRequest | undefined): string => request?.head.split('\r\n', 1)[0] ?? ''

  it('reach the ExApp one after the other, each after the answer to the one before, and are answered in their order', async () => {
    const client = await connectRaw(stage.port)
    client.write(get('1') + get('2') + get('3', 'Connection: close\r\n'))
    for (const number of [1, 2, 3]) {
      await expect.poll(() => waiting.length).toBe(1)
      const request = waiting.shift()
      expect(lineOf(request)).toBe(`GET /${number} HTTP/1.1`)
      await new Promise((resolve) => setTimeout(resolve, 20))
      expect(waiting).toEqual([])
      request?.answer(`HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n${number}`)
    }
    expect((await client.closed).match(/\r\n\r\n\d/g)).toEqual(['\r\n\r\n1', '\r\n\r\n2', '\r\n\r\n3'])
  })

  it('are given up with their client', async () => {
    const client = await connectRaw(stage.port)
    client.write(get('1') + get('2'))
    await expect.poll(() => waiting.length).toBe(1)
    client.socket.resetAndDestroy()
    const gone = waiting.shift()
    await expect.poll(() => gone?.socket.destroyed, { timeout: 2_000 }).toBe(true)
    expect(waiting).toEqual([])
  })

  it('are a hundred at most', async () => {
    const client = await connectRaw(stage.port)
    client.write(get('x').repeat(101))
    await expect.poll(() => waiting.length).toBe(1)
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(client.socket.readableEnded).toBe(false)
    client.write(get('x'))
    expect(await client.closed).toBe('')
    await expect.poll(() => waiting[0]?.socket.destroyed).toBe(true)
    expect(waiting).toHaveLength(1)
  })
})
