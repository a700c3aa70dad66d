import { hostname } from 'node:os'
import { z } from 'zod'
import { listenAddress, choice } from '../proxy/settings/fields.ts'

/** Every setting by the name of its variable; the chart writes them. */
const schema = z
  .object({
    HARPOON_NAMESPACE: z.string().min(1, 'the namespace that the operator runs in').default('default'),
    // Empty: all namespaces.
    HARPOON_WATCH_NAMESPACE: z.string().default(''),
    HARPOON_PROXY_IMAGE: z.string({ error: 'not set; accepted: the image of the data plane' }).min(1),
    HARPOON_POD_NAME: z.string().default(hostname()),
    HARPOON_ADMIN_ADDRESS: listenAddress('0.0.0.0:9180'),
    HARPOON_LOG_LEVEL: choice('info', ['debug', 'info', 'warning', 'error']),
  })
  .transform((read) => ({
    namespace: read.HARPOON_NAMESPACE,
    watchNamespace: read.HARPOON_WATCH_NAMESPACE || undefined,
    proxyImage: read.HARPOON_PROXY_IMAGE,
    podName: read.HARPOON_POD_NAME,
    admin: read.HARPOON_ADMIN_ADDRESS,
    logLevel: read.HARPOON_LOG_LEVEL,
  }))

/** All settings of the operator, checked; read-only from here on. */
export type OperatorConfig = Readonly<z.output<typeof schema>>

/** Settings that cannot be used, all problems at once. */
export class OperatorConfigError extends Error {
  override readonly name = 'OperatorConfigError'
}

/** Reads the operator's settings. @throws OperatorConfigError */
export function readOperatorConfig(environment: NodeJS.ProcessEnv = process.env): OperatorConfig {
  const set = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''))
  const { success, data, error } = schema.safeParse(set)
  if (!success) throw new OperatorConfigError(`The settings cannot be used:\n${z.prettifyError(error)}`)
  return data
}
