import type { CreateBody, Mount } from './create-body.ts'
import type { ExAppNames } from './names.ts'

/** Networks that every engine has: it takes no further names for a container in them. */
const ownNetworks: ReadonlySet<string> = new Set(['bridge', 'host', 'none', 'default'])

/**
 * What an ExApp's container is, field by field (HaRP contract §6.4.1). Built from what AppAPI may ask for and nothing else: there is
 * no way here to more privileges, to the host's processes or to its devices.
 */
export function containerDefinition(names: ExAppNames, body: CreateBody, environment: readonly string[]): object {
  const network = body.network_mode
  return {
    Image: body.image,
    Hostname: names.app,
    Env: environment,
    HostConfig: {
      NetworkMode: network,
      RestartPolicy: { Name: body.restart_policy },
      Mounts: [
        { Type: 'volume', Source: names.volume, Target: `/${names.volume}`, ReadOnly: false },
        ...body.mount_points.map(bindMount),
      ],
      ...devices(body.compute_device),
      ...limits(body.resource_limits),
    },
    ...(ownNetworks.has(network)
      ? {}
      : { NetworkingConfig: { EndpointsConfig: { [network]: { Aliases: [names.app] } } } }),
  }
}

const bindMount = ({ source, target, readOnly }: Mount): object => ({
  Type: 'bind',
  Source: source,
  Target: target,
  ReadOnly: readOnly,
})

function devices(kind: CreateBody['compute_device']): object {
  switch (kind) {
    case 'cpu':
      return {}
    case 'cuda':
      return { DeviceRequests: [{ Driver: 'nvidia', Count: -1, Capabilities: [['compute', 'utility']] }] }
    case 'rocm':
      return { Devices: ['/dev/kfd', '/dev/dri'].map((path) => ({ PathOnHost: path, PathInContainer: path, CgroupPermissions: 'rwm' })) }
  }
}

const limits = ({ memory, nanoCPUs }: CreateBody['resource_limits']): object => ({
  ...(typeof memory === 'number' ? { Memory: memory } : {}),
  ...(typeof nanoCPUs === 'number' ? { NanoCPUs: nanoCPUs } : {}),
})
