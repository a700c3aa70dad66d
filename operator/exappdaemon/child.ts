import type { KubernetesObject, ResourceType } from '../cluster/resources.ts'
import { selectorLabels } from './names.ts'

/** The daemon as its children need it. */
export interface DaemonIdentity {
  readonly name: string
  readonly namespace: string
}

/** The head of a child: kind, name, and the labels that all children of a daemon share. */
export const child = (
  { apiVersion, kind }: ResourceType,
  { name: daemon, namespace }: DaemonIdentity,
  { name, labels, annotations }: { readonly name: string; readonly labels?: Record<string, string> | undefined; readonly annotations?: Record<string, string> | undefined },
): Pick<KubernetesObject, 'apiVersion' | 'kind' | 'metadata'> => ({
  apiVersion,
  kind,
  metadata: {
    name,
    namespace,
    labels: { ...labels, ...selectorLabels(daemon), 'app.kubernetes.io/part-of': 'harpoon' },
    ...(annotations && Object.keys(annotations).length > 0 && { annotations }),
  },
})
