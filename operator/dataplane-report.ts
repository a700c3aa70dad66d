import { isIP } from 'node:net'
import { Agent, request } from 'undici'
import { type ProxyStatus, statusSchema } from '../proxy/status.ts'
import { ports } from './exappdaemon/names.ts'

/** A pod of the same cluster answers in milliseconds, or it is in trouble. */
const TIMEOUT_MS = 2000

/** 99 engines take 20 KiB. */
const MAX_BYTES = 256 * 1024

export interface ReportReader {
  /** What the data plane in a pod says of itself; `undefined` when it does not answer with that. */
  read(podAddress: string): Promise<ProxyStatus | undefined>
  close(): Promise<void>
}

/** Reads `/status` of data planes. */
export function createReportReader(): ReportReader {
  const agent = new Agent({ connections: 1, maxResponseSize: MAX_BYTES, connectTimeout: TIMEOUT_MS })
  return {
    async read(podAddress) {
      const host = isIP(podAddress) === 6 ? `[${podAddress}]` : podAddress
      try {
        const { statusCode, body } = await request(`http://${host}:${ports.admin}/status`, { dispatcher: agent, signal: AbortSignal.timeout(TIMEOUT_MS) })
        const parsed = statusSchema.safeParse(await body.json())
        return statusCode === 200 && parsed.success ? parsed.data : undefined
      } catch {
        return undefined // starting, ending, or cut off by a NetworkPolicy: the conditions say that nothing is known
      }
    },
    close: () => agent.close(),
  }
}
