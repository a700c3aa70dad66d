import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { type Stage, setStage } from '../request/stage.ts'
import { send, sendForAnswer } from '../support/send.ts'

describe('with the front on', () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await setStage({ HARPOON_FRONT: 'true', HP_TRUSTED_PROXY_IPS: '127.0.0.9' })
  })
  afterAll(() => stage.close())

  const headersAt = async (from: string, headers: Record<string, string>): Promise<Record<string, string>> => {
    stage.nextcloud.clearCalls()
    await sendForAnswer({ port: stage.port, path: '/echo/x?y=%2F', headers, from })
    return Object.fromEntries((stage.nextcloud.calls.at(-1)?.rawHeaders ?? []).map(([name, value]) => [name.toLowerCase(), value]))
  }

  it('everything outside /exapps goes to Nextcloud, byte for byte', async () => {
    const path = '/index.php/apps/files/a%2Fb/../c?dir=/x//y&e=%C3%A9'
    await send({ port: stage.port, path, method: 'PROPFIND', body: 'x' })
    expect(stage.nextcloud.calls.at(-1)).toMatchObject({ method: 'PROPFIND', url: path })
    expect(await sendForAnswer({ port: stage.port, path: '/status.php' })).toMatchObject({ status: 200 })
  })

  it('/exapps stays ours', async () => {
    expect((await sendForAnswer({ port: stage.port, path: '/exapps/demo/public' })).text).toContain('"url":"/public"')
    expect(await sendForAnswer({ port: stage.port, path: '/exapps/' })).toMatchObject({ status: 404 })
  })

  it("tells Nextcloud who the visitor is and leaves a visitor's own claims out", async () => {
    const claimed = { 'x-forwarded-for': '9.9.9.9', 'x-real-ip': '9.9.9.9', 'x-forwarded-host': 'evil', 'x-forwarded-proto': 'https', forwarded: 'for=9.9.9.9' }
    const seen = await headersAt('127.0.0.8', claimed)
    expect(seen).toMatchObject({ 'x-forwarded-for': '127.0.0.8', 'x-forwarded-proto': 'http', 'x-forwarded-host': `127.0.0.1:${stage.port}` })
    expect([seen['forwarded'], seen['x-real-ip']]).toEqual([undefined, undefined])
  })

  it('believes a trusted proxy', async () => {
    const seen = await headersAt('127.0.0.9', { 'x-forwarded-for': '9.9.9.9', 'x-forwarded-proto': 'https', 'x-forwarded-host': 'cloud.example.org' })
    expect(seen).toMatchObject({ 'x-forwarded-for': '9.9.9.9, 127.0.0.9', 'x-forwarded-proto': 'https', 'x-forwarded-host': 'cloud.example.org' })
  })

  it('never hands the shared key to Nextcloud pages, which may log it', async () => {
    expect(await headersAt('127.0.0.8', { 'harp-shared-key': 'sk' })).not.toHaveProperty('harp-shared-key')
  })

  it('passes the WebSocket of notify_push on', async () => {
    const socket = new WebSocket(`ws://127.0.0.1:${stage.port}/push/ws`)
    await once(socket, 'open')
    socket.send('pushed')
    expect(String((await once(socket, 'message'))[0])).toBe('pushed')
    socket.close()
    await once(socket, 'close')
  })

  it('a visitor banned from ExApps still reaches Nextcloud', async () => {
    const from = '127.0.0.7'
    for (let n = 0; n < 10; n++) await send({ port: stage.port, path: '/exapps/unknown/x', from })
    expect(await send({ port: stage.port, path: '/exapps/demo/public', from })).toBe('dropped')
    expect(await sendForAnswer({ port: stage.port, path: '/status.php', from })).toMatchObject({ status: 200 })
  })

  it('answers 503 while Nextcloud is down', async () => {
    const alone = await setStage({ HARPOON_FRONT: 'true', NC_INSTANCE_URL: 'http://127.0.0.1:1' })
    expect(await sendForAnswer({ port: alone.port, path: '/status.php' })).toMatchObject({ status: 503, text: '503 Service Unavailable' })
    await alone.close()
  })
})
