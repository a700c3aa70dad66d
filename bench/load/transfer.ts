import { HttpConnection, requestHead } from './http-connection.ts'

/** Bodies that are moved. */
export interface TransferLoad {
  readonly direction: 'upload' | 'download'
  /** The URL of `upload` or `download` of the ExApp. */
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly streams: number
  readonly seconds: number
}

export interface Transfer {
  readonly bytes: number
  readonly seconds: number
}

const block = Buffer.alloc(64 * 1024, 'x')

/** In flight on all streams together: long bodies, so that heads and answers cost nothing beside them and whoever collects bodies is seen. */
const bytesAtOnce = 256 * 1024 * 1024

/** Moves one body after the other on each stream until the time is over; those that run then are finished. */
export async function transfer({ direction, url, headers, streams, seconds }: TransferLoad): Promise<Transfer> {
  const started = performance.now()
  const deadline = started + seconds * 1000
  const bodyBytes = bytesAtOnce / streams
  const head =
    direction === 'upload'
      ? requestHead('POST', url, { ...headers, 'Content-Type': 'application/octet-stream', 'Content-Length': String(bodyBytes) })
      : requestHead('GET', `${url}?bytes=${bodyBytes}`, headers)
  const body = direction === 'upload' ? { block, blocks: bodyBytes / block.length } : undefined
  const bodies = await Promise.all(
    Array.from({ length: streams }, async () => {
      const connection = await HttpConnection.open(url)
      try {
        let count = 0
        for (; performance.now() < deadline; count++) await connection.exchange(head, body)
        return count
      } finally {
        connection.close()
      }
    }),
  )
  const moved = bodies.reduce((total, count) => total + count, 0)
  return { bytes: moved * bodyBytes, seconds: (performance.now() - started) / 1000 }
}
