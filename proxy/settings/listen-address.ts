import { isIP } from 'node:net'

/** Where a listener binds. `host` is an address or a name, never with brackets. */
export interface ListenAddress {
  readonly host: string
  readonly port: number
}

export const listenAddressAccepted = 'host:port, such as 0.0.0.0:8780, [::]:8780 or :8780 (all addresses)'

/** Reads `host:port`; `undefined` when it is none. An IPv6 host stands in brackets (HaRP could not hold one, Q20). */
export function parseListenAddress(text: string): ListenAddress | undefined {
  const parts = /^(\[[^\]]+\]|[^:[\]\s/]*):(\d{1,5})$/.exec(text)
  if (!parts) return undefined
  const [, written = '', digits = ''] = parts
  const port = Number(digits)
  if (port > 65_535) return undefined
  if (written.startsWith('[')) {
    const host = written.slice(1, -1)
    return isIP(host) === 6 ? { host, port } : undefined
  }
  return { host: written === '' || written === '*' ? '0.0.0.0' : written, port }
}
