import { X509Certificate } from 'node:crypto'
import { engineToken } from '../../proxy/tunnel/tokens.ts'
import { frpServerName } from '../../proxy/certificates/names.ts'
import type { DockerEngineSpec } from '../../crds/dockerengine.ts'
import { MANAGED_BY } from '../cluster/ownership.ts'
import { type KubernetesObject, resources } from '../cluster/resources.ts'
import { secretData } from '../cluster/secret.ts'
import { certificatesOf, type FrpAuthority, trustBundle } from '../exappdaemon/frp-authority.ts'
import { issueEngineCertificate } from '../exappdaemon/frp-certificates.ts'

/** frpc that the `docker run` line starts: the oldest one that we promise to serve. */
const FRPC_IMAGE = 'fatedier/frpc:v0.61.1'

export interface EngineIdentity {
  readonly name: string
  readonly namespace: string
  /** Also the generation of its token: an engine of the same name that is made later has another one. */
  readonly uid: string
}

export interface EngineAccess {
  readonly spec: DockerEngineSpec
  readonly port: number
  readonly sharedKey: string
  /** host:port that frpc dials. */
  readonly endpoint: string
  /** `undefined` where tunnels are not encrypted. */
  readonly tls: EngineTls | undefined
}

/** PEM texts: the CAs to trust, and the engine's own certificate. */
export interface EngineTls {
  readonly ca: string
  readonly certPem: string
  readonly keyPem: string
}

/** The name of the Secret in which cert-manager puts an engine's certificate. */
export const issuedName = (engine: string): string => `${engine}-frpc-issued`

/** The name of an engine's Secret. */
export const credentialsName = (engine: string): string => `${engine}-frpc`

/** What is copied to the engine's host. */
export function engineCredentials(engine: EngineIdentity, access: EngineAccess): KubernetesObject {
  const { tls } = access
  const token = engineToken(access.sharedKey, engine.name, access.port, engine.uid)
  return {
    apiVersion: resources.secret.apiVersion,
    kind: resources.secret.kind,
    metadata: { name: credentialsName(engine.name), namespace: engine.namespace, labels: { ...MANAGED_BY, 'app.kubernetes.io/part-of': 'harpoon' } },
    type: 'Opaque',
    data: secretData({
      ...(tls && { 'ca.crt': tls.ca, 'client.crt': tls.certPem, 'client.key': tls.keyPem }),
      token,
      'frpc.toml': frpcToml(engine, access, token),
      'docker-run.sh': dockerRun(engine, access),
    }),
  }
}

/** The engine's certificate by our own CA: the one it has, while its CA is the current one, or a new one. */
export async function nextEngineTls({ name }: EngineIdentity, authority: FrpAuthority, current: Readonly<Record<string, string>>, now: Date): Promise<EngineTls> {
  const { 'client.crt': certPem, 'client.key': keyPem } = current
  const pair = certPem && keyPem && isSignedBy(certPem, authority) ? { certPem, keyPem } : await issueEngineCertificate(authority, name, now)
  return { ca: trustBundle(authority), ...pair }
}

function isSignedBy(chain: string, authority: FrpAuthority): boolean {
  const [first] = certificatesOf(chain)
  return first !== undefined && new X509Certificate(first).verify(new X509Certificate(authority.certPem).publicKey)
}

/** frpc's configuration, for 0.61 and later. Paths are relative: frpc runs in the folder of these files. */
function frpcToml({ name }: EngineIdentity, { spec, port, endpoint, tls }: EngineAccess, token: string): string {
  const colon = endpoint.lastIndexOf(':')
  const host = endpoint.slice(0, colon).replace(/^\[|\]$/g, '')
  return [
    `# Docker Engine ${name}: connects this host's engine with Harpoon. The token is a secret.`,
    `serverAddr = "${host}"`,
    `serverPort = ${endpoint.slice(colon + 1)}`,
    '# Keep trying for ever, also at the first start.',
    'loginFailExit = false',
    `metadatas.token = "${token}"`,
    ...(tls
      ? [
          'transport.tls.certFile = "client.crt"',
          'transport.tls.keyFile = "client.key"',
          'transport.tls.trustedCaFile = "ca.crt"',
          `transport.tls.serverName = "${frpServerName}"`,
        ]
      : ['transport.tls.enable = false']),
    '',
    '[[proxies]]',
    `name = "${name}"`,
    'type = "tcp"',
    `remotePort = ${port}`,
    '[proxies.plugin]',
    'type = "unix_domain_socket"',
    `unixPath = "${spec.socketPath}"`,
    '',
  ].join('\n')
}

/** A script that starts frpc in a container, from the folder that the Secret was copied to. */
const dockerRun = ({ name }: EngineIdentity, { spec }: EngineAccess): string =>
  [
    '#!/bin/sh',
    '# Run this in the folder that holds frpc.toml, on the host of the Docker Engine.',
    'set -eu',
    `exec docker run --detach --restart unless-stopped --name harpoon-${name} --network host \\`,
    `  --volume "$PWD":/etc/harpoon:ro --workdir /etc/harpoon --volume ${spec.socketPath}:${spec.socketPath} \\`,
    `  ${FRPC_IMAGE} -c /etc/harpoon/frpc.toml`,
    '',
  ].join('\n')
