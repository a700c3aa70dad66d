/** One key per peer: an IPv4 peer of a dual-stack socket is written `192.0.2.1`, not `::ffff:192.0.2.1`. */
export function normalizeAddress(address: string): string {
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address
}
