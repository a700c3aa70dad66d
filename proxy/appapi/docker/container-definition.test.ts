import { describe, expect, it } from 'vitest'
import { containerDefinition } from './container-definition.ts'
import { createSchema } from './create-body.ts'
import { namesOf } from './names.ts'

const define = (fields: object, environment: readonly string[] = []): object => {
  const body = createSchema.parse({ name: 'demo', image_id: 'ghcr.io/a/b:1', ...fields })
  return containerDefinition(namesOf(body), body, environment)
}

describe('the definition of a container', () => {
  const volume = { Type: 'volume', Source: 'nc_app_demo_data', Target: '/nc_app_demo_data', ReadOnly: false }

  it('is this when nothing more is asked for', () => {
    expect(define({})).toEqual({
      Image: 'ghcr.io/a/b:1',
      Hostname: 'demo',
      Env: [],
      HostConfig: { NetworkMode: 'bridge', RestartPolicy: { Name: 'unless-stopped' }, Mounts: [volume] },
    })
  })

  it('is this when everything is asked for', () => {
    const fields = {
      instance_id: 'oc1',
      role_suffix: 'RP_1',
      network_mode: 'nextcloud',
      restart_policy: 'always',
      compute_device: 'cuda',
      mount_points: [
        { source: '/srv/media/', target: '/media', mode: 'ro' },
        { source: '/srv//x', target: '/x', mode: 'RO' },
        { source: '/srv/y', target: '/y' },
      ],
      resource_limits: { memory: '536870912', nanoCPUs: 1.5e9, other: 1 },
    }
    expect(define(fields, ['A=1'])).toEqual({
      Image: 'ghcr.io/a/b:1',
      Hostname: 'demo',
      Env: ['A=1'],
      HostConfig: {
        NetworkMode: 'nextcloud',
        RestartPolicy: { Name: 'always' },
        Mounts: [
          { Type: 'volume', Source: 'nc_app_oc1_demo_data', Target: '/nc_app_oc1_demo_data', ReadOnly: false },
          { Type: 'bind', Source: '/srv/media', Target: '/media', ReadOnly: true },
          { Type: 'bind', Source: '/srv/x', Target: '/x', ReadOnly: false },
          { Type: 'bind', Source: '/srv/y', Target: '/y', ReadOnly: false },
        ],
        DeviceRequests: [{ Driver: 'nvidia', Count: -1, Capabilities: [['compute', 'utility']] }],
        Memory: 536_870_912,
        NanoCPUs: 1_500_000_000,
      },
      NetworkingConfig: { EndpointsConfig: { nextcloud: { Aliases: ['demo'] } } },
    })
  })

  it('has the two devices of AMD', () => {
    expect(define({ compute_device: 'rocm' })).toMatchObject({
      HostConfig: {
        Devices: [
          { PathOnHost: '/dev/kfd', PathInContainer: '/dev/kfd', CgroupPermissions: 'rwm' },
          { PathOnHost: '/dev/dri', PathInContainer: '/dev/dri', CgroupPermissions: 'rwm' },
        ],
      },
    })
  })

  it.each(['host', 'bridge', 'none', 'default'])('has no further name on the network %s, where engines take none', (network_mode) => {
    expect(define({ network_mode })).not.toHaveProperty('NetworkingConfig')
  })

  it('has one limit without the other, and none for null', () => {
    expect(define({ resource_limits: { memory: 1 } })).toMatchObject({ HostConfig: { Memory: 1 } })
    const { HostConfig } = define({ resource_limits: { memory: null, nanoCPUs: null } }) as { HostConfig: object }
    expect(Object.keys(HostConfig)).toEqual(['NetworkMode', 'RestartPolicy', 'Mounts'])
  })

  it('takes nothing over that the contract does not name', () => {
    const more = {
      HostConfig: { Privileged: true, Binds: ['/:/host'], PidMode: 'host' },
      Privileged: true,
      privileged: true,
      binds: ['/:/host'],
      volumes: ['/:/host'],
      devices: ['/dev/sda'],
      cap_add: ['ALL'],
      security_opt: ['seccomp=unconfined'],
      pid_mode: 'host',
      ipc_mode: 'host',
      uts_mode: 'host',
      userns_mode: 'host',
      user: '0',
      entrypoint: ['sh'],
      cmd: ['sh'],
      labels: { a: 'b' },
      __proto__: { Privileged: true },
    }
    expect(define(more)).toEqual(define({}))
  })
})

it('takes `image` where there is no `image_id`, and `image_id` where there are both', () => {
  expect(define({ image_id: undefined, image: 'x' })).toMatchObject({ Image: 'x' })
  expect(define({ image_id: 'y', image: 'x' })).toMatchObject({ Image: 'y' })
})
