import { z } from 'zod'
import type { Kind } from './definition.ts'
import { conditions, objectName, rules } from './fields.ts'

/** Remote ports that engines behind tunnels have in AppAPI (24000 is the engine beside the data plane). */
export const enginePorts = { first: 24_001, last: 24_099 } as const

const remotePort = z.int().min(enginePorts.first).max(enginePorts.last)

export const dockerEngineSpec = z
  .object({
    daemonRef: z
      .object({ name: objectName })
      .meta(rules({ rule: 'self == oldSelf', message: 'an engine stays with its daemon: delete it and create another' }))
      .describe('The ExAppDaemon, in this namespace, that the engine belongs to.'),
    remotePort: remotePort.optional().describe('The port by which AppAPI knows the engine (--harp_docker_socket_port); a free one when absent. It never changes.'),
    socketPath: z.string().min(2).max(107).regex(/^\/[^\s"'\\$`]+$/).default('/var/run/docker.sock').describe("The engine's socket on its host."),
    computeDevice: z.enum(['cpu', 'cuda', 'rocm']).default('cpu').describe('What ExApps on it may compute with.'),
  })
  .meta(
    rules({
      rule: '!has(oldSelf.remotePort) || (has(self.remotePort) && self.remotePort == oldSelf.remotePort)',
      message: 'remotePort never changes: containers of this engine are known to Nextcloud by it',
    }),
  )

export const dockerEngineStatus = z.object({
  observedGeneration: z.int().min(0).optional().describe('The generation that the operator has acted on.'),
  conditions: conditions.optional(),
  problem: z.string().max(1024).optional().describe('The first thing that is wrong, in words; empty when nothing is.'),
  remotePort: remotePort.optional().describe('The port by which AppAPI knows the engine.'),
  connected: z.boolean().optional().describe('Whether its tunnel is there.'),
  clientAddress: z.string().max(64).optional().describe('Where its frpc dials in from.'),
  frpcVersion: z.string().max(64).optional(),
  dockerVersion: z.string().max(64).optional(),
  lastSeen: z.string().meta({ format: 'date-time' }).optional().describe('When its tunnel was there last; absent while it is.'),
  credentialsSecret: z.string().max(253).optional().describe('The Secret to copy to its host.'),
})

export type DockerEngineSpec = z.output<typeof dockerEngineSpec>
export type DockerEngineStatus = z.output<typeof dockerEngineStatus>

/** One Docker Engine that dials in. */
export const dockerEngine: Kind = {
  kind: 'DockerEngine',
  plural: 'dockerengines',
  shortNames: ['deng'],
  description: 'A Docker Engine anywhere that dials in to the data plane of an ExAppDaemon, and on which AppAPI then deploys ExApps.',
  spec: dockerEngineSpec,
  status: dockerEngineStatus,
  columns: [
    { name: 'Daemon', type: 'string', jsonPath: '.spec.daemonRef.name' },
    { name: 'Port', type: 'integer', jsonPath: '.status.remotePort' },
    { name: 'Connected', type: 'string', jsonPath: ".status.conditions[?(@.type=='Connected')].status" },
    { name: 'Problem', type: 'string', jsonPath: '.status.problem' },
    { name: 'From', type: 'string', jsonPath: '.status.clientAddress', wide: true },
    { name: 'Docker', type: 'string', jsonPath: '.status.dockerVersion', wide: true },
    { name: 'frpc', type: 'string', jsonPath: '.status.frpcVersion', wide: true },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  ],
  // The name is the tunnel's name and stands in its token.
  rules: [
    { rule: "self.metadata.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$') && size(self.metadata.name) <= 50", message: 'name: lower-case letters, digits and hyphens, at most 50' },
  ],
}
