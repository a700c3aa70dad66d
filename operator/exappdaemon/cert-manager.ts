import { isIP } from 'node:net'
import { frpClientName, frpServerName } from '../../proxy/certificates/names.ts'
import type { ExAppDaemonSpec } from '../../crds/exappdaemon.ts'
import { MANAGED_BY } from '../cluster/ownership.ts'
import { type KubernetesObject, resources } from '../cluster/resources.ts'
import { child, type DaemonIdentity } from './child.ts'
import { childNames, selectorLabels } from './names.ts'

export type IssuerRef = NonNullable<ExAppDaemonSpec['frp']['tls']['issuerRef']>

/** A certificate that cert-manager is asked for; its Secret has the same name. */
export interface CertificateRequest {
  readonly name: string
  readonly issuerRef: IssuerRef
  readonly commonName: string
  /** DNS names and addresses, beside the common name. */
  readonly names: readonly string[]
  readonly usage: 'server auth' | 'client auth'
}

/** cert-manager's Certificate. The labels of its Secret lead its changes to the daemon. */
export function certificate(daemon: DaemonIdentity, { name, issuerRef, commonName, names, usage }: CertificateRequest): KubernetesObject {
  const all = [...new Set([commonName, ...names])]
  const addresses = all.filter((each) => isIP(each) > 0)
  return {
    ...child(resources.certificate, daemon, { name }),
    spec: {
      secretName: name,
      secretTemplate: { labels: { ...MANAGED_BY, ...selectorLabels(daemon.name) } },
      issuerRef,
      commonName,
      dnsNames: all.filter((each) => isIP(each) === 0),
      ...(addresses.length > 0 && { ipAddresses: addresses }),
      usages: ['digital signature', 'key encipherment', usage],
      privateKey: { rotationPolicy: 'Always' },
    },
  }
}

/** The certificates of tunnels that an issuer is asked for. */
export function frpCertificateRequests(daemon: DaemonIdentity, issuerRef: IssuerRef, serverNames: readonly string[]): readonly KubernetesObject[] {
  const { issuedServer, issuedClient } = childNames(daemon.name)
  return [
    certificate(daemon, { name: issuedServer, issuerRef, commonName: frpServerName, names: serverNames, usage: 'server auth' }),
    certificate(daemon, { name: issuedClient, issuerRef, commonName: frpClientName, names: [], usage: 'client auth' }),
  ]
}
