import { createCipheriv, createHash } from 'node:crypto'

/** Random bytes that are the same each time. */
export function seededBytes(seed: number, length: number): Buffer {
  const key = createHash('sha256').update(`seed ${seed}`).digest()
  return createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(length))
}
