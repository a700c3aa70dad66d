import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, expect, it } from 'vitest'
import { readConfig } from '../../proxy/config.ts'
import { sharedKey, startTestDataPlane } from '../support/data-plane.ts'
import { startNextcloud } from '../support/nextcloud.ts'

const request = ['GET /~!frp HTTP/1.1', 'Host: x', 'Upgrade: websocket', 'Connection: Upgrade', 'Sec-WebSocket-Key: WmVdt7e5VnU4qZfg4nV+vQ==', 'Sec-WebSocket-Version: 13', '\r\n']

/** The status line that frpc's request for a websocket gets. */
async function statusOf(port: number): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  socket.write(request.join('\r\n'))
  const [answer] = (await once(socket, 'data')) as [Buffer]
  socket.destroy()
  return answer.toString().split('\r\n', 1)[0] ?? ''
}

describe('HARPOON_FRP_WEBSOCKET', () => {
  it.each([
    [undefined, 'HTTP/1.1 101 Switching Protocols'],
    ['token', 'HTTP/1.1 101 Switching Protocols'],
    ['off', 'HTTP/1.1 404 Not Found'],
  ])('= %s answers a websocket on the tunnel port with %s', async (setting, status) => {
    const nextcloud = await startNextcloud({ sharedKey })
    const plane = await startTestDataPlane(nextcloud.url, { HARPOON_FRP_WEBSOCKET: setting })
    try {
      expect(await statusOf(plane.ports.frp)).toBe(status)
    } finally {
      await plane.close()
      await nextcloud.close()
    }
  })

  it('is asked for by the client that a trusted proxy names', async () => {
    const nextcloud = await startNextcloud({ sharedKey })
    const plane = await startTestDataPlane(nextcloud.url, { HP_TRUSTED_PROXY_IPS: '127.0.0.1', HP_LOG_LEVEL: 'debug' })
    try {
      const socket = connect(plane.ports.frp, '127.0.0.1')
      socket.write(request.toSpliced(1, 0, 'X-Forwarded-For: 203.0.113.7').join('\r\n'))
      await once(socket, 'data')
      socket.write(Buffer.from('828100000000ff', 'hex')) // a masked frame with a byte that is no frp
      await once(socket, 'close')
      await expect.poll(() => plane.log.find(({ msg }) => msg === 'tunnel connection refused')).toMatchObject({ client: '203.0.113.7' })
    } finally {
      await plane.close()
      await nextcloud.close()
    }
  })

  it('has three values and no others', () => {
    const read = () => readConfig({ NC_INSTANCE_URL: 'http://nextcloud', HP_SHARED_KEY: 'sk', HARPOON_FRP_WEBSOCKET: 'tls' })
    expect(read).toThrow('HARPOON_FRP_WEBSOCKET: "tls" is not accepted; accepted: mtls, token, off')
  })
})
