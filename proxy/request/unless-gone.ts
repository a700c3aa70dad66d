import { ClientGoneError } from './errors.ts'
import type { Exchange } from './exchange.ts'

/** Waits for what others may wait for as well, but no longer than the client does. @throws ClientGoneError */
export async function unlessGone<T>({ carrier }: Exchange, result: Promise<T>): Promise<T> {
  const { promise: gone, reject } = Promise.withResolvers<never>()
  const onClose = (): void => reject(new ClientGoneError())
  carrier.reply.once('close', onClose)
  if (carrier.isGone) onClose()
  try {
    return await Promise.race([result, gone])
  } finally {
    carrier.reply.off('close', onClose)
  }
}
