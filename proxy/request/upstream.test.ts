import { describe, expect, it } from 'vitest'
import { exAppSchema, toExApp } from '../nextcloud/exapp.ts'
import { authorize } from './authorize.ts'
import { type Upstream, upstreamFor, upstreamName } from './upstream.ts'

function upstream(fields: { host: string; port: number; resolved_host?: string }, tunnels: readonly number[] = [23_000, 24_001]): Upstream {
  const exApp = toExApp('demo', exAppSchema.parse({ exapp_token: 't', exapp_version: '1', ...fields }))
  return upstreamFor(authorize('/', exApp, { kind: 'appapi', signature: 's' }), (port) => tunnels.includes(port))
}

describe('upstreamFor', () => {
  it.each(['127.0.0.1', '127.1.2.3', 'localhost', '::1'])('takes the tunnel of the port on %s', (host) => {
    expect(upstream({ host, port: 23_000 })).toEqual({ kind: 'tunnel', remotePort: 23_000 })
  })

  it('takes the host itself when there is no such tunnel: a manual install', () => {
    expect(upstream({ host: '127.0.0.1', port: 23_001 })).toEqual({ kind: 'tcp', host: '127.0.0.1', port: 23_001 })
  })

  it('takes another host, also when a tunnel has the same port', () => {
    expect(upstream({ host: 'demo', port: 23_000 })).toEqual({ kind: 'tcp', host: 'demo', port: 23_000 })
  })

  it('never takes the tunnel of a Docker Engine for an ExApp', () => {
    expect(upstream({ host: '127.0.0.1', port: 24_001 })).toEqual({ kind: 'tcp', host: '127.0.0.1', port: 24_001 })
  })

  it('connects to the resolved host when there is one', () => {
    expect(upstream({ host: '127.0.0.1', port: 23_000, resolved_host: '10.0.0.5' })).toEqual({ kind: 'tcp', host: '10.0.0.5', port: 23_000 })
    expect(upstream({ host: 'demo', port: 23_000, resolved_host: '127.0.0.1' })).toEqual({ kind: 'tunnel', remotePort: 23_000 })
  })
})

it('upstreamName tells upstreams apart', () => {
  const all: Upstream[] = [
    { kind: 'tunnel', remotePort: 23_000 },
    { kind: 'tcp', host: 'demo', port: 80 },
    { kind: 'tls', host: 'demo', port: 80 },
    { kind: 'unix', path: '/var/run/docker.sock' },
  ]
  expect(all.map(upstreamName)).toEqual(['tunnel:23000', 'tcp:demo:80', 'tls:demo:80', 'unix:/var/run/docker.sock'])
})
