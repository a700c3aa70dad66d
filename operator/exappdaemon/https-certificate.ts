import { type KubernetesObject, resources } from '../cluster/resources.ts'
import { secretData } from '../cluster/secret.ts'
import { child, type DaemonIdentity } from './child.ts'
import { childNames } from './names.ts'

/** Chain and key of a TLS Secret in one text, as the data plane reads `cert.pem`; `undefined` when one of them is missing. */
export function httpsPem(secret: Readonly<Record<string, string>> | undefined): string | undefined {
  const { 'tls.crt': chain, 'tls.key': key } = secret ?? {}
  return chain && key ? `${chain.trimEnd()}\n${key.trimEnd()}\n` : undefined
}

/** The Secret that the pods mount as /certs/cert.pem. */
export const httpsSecret = (daemon: DaemonIdentity, pem: string): KubernetesObject => ({
  ...child(resources.secret, daemon, { name: childNames(daemon.name).httpsCertificate }),
  type: 'Opaque',
  data: secretData({ 'cert.pem': pem }),
})
