import type { Dispatcher } from 'undici'
import { NextcloudError } from './errors.ts'

/** Nextcloud's two answers take a few kilobytes; an ExApp with thousands of routes stays below this. */
export const maxBodyBytes = 1024 * 1024

/**
 * Reads a bounded JSON answer. Client errors need no JSON: their status alone decides. Throws `NextcloudError` for a
 * redirect, a server error, too much (of which `onTooLong` is told) or no JSON.
 */
export async function readJson(response: Dispatcher.ResponseData, onTooLong: () => void): Promise<unknown> {
  const { statusCode: status, headers, body } = response
  if (status !== 200) {
    await body.dump({ limit: maxBodyBytes })
    if (status >= 400 && status < 500) return undefined
    if (status >= 300 && status < 400) {
      throw new NextcloudError('redirect', `Nextcloud redirects (status ${status}); NC_INSTANCE_URL has to be the address that answers itself`)
    }
    if (status === 503 && headers['x-nextcloud-maintenance-mode'] !== undefined) throw new NextcloudError('maintenance', 'Nextcloud is in maintenance mode')
    throw new NextcloudError('status', `Nextcloud answered ${status}`)
  }
  const text = await readBounded(body, onTooLong)
  if (!/^application\/(?:[\w.-]+\+)?json\b/i.test(String(headers['content-type'] ?? ''))) {
    throw new NextcloudError('invalid', 'Nextcloud answered with something else than JSON; is NC_INSTANCE_URL right and AppAPI enabled?')
  }
  try {
    return JSON.parse(text)
  } catch {
    throw new NextcloudError('invalid', 'Nextcloud answered with broken JSON') // the parser's message quotes the text, e.g. an ExApp's token
  }
}

async function readBounded(body: AsyncIterable<Buffer>, onTooLong: () => void): Promise<string> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of body) {
    length += chunk.length
    if (length > maxBodyBytes) {
      onTooLong()
      throw new NextcloudError('invalid', `Nextcloud's answer is longer than ${maxBodyBytes} bytes`)
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}
