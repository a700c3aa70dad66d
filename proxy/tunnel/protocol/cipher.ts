import { createCipheriv, createDecipheriv, pbkdf2Sync, randomBytes } from 'node:crypto'
import type { Cipheriv, Decipheriv } from 'node:crypto'

const ALGORITHM = 'aes-128-cfb'
const IV_BYTES = 16

/** The key of control streams: PBKDF2-HMAC-SHA1 of frp's token, with frp's fixed salt and 64 rounds. */
export function deriveKey(frpToken: string): Buffer {
  return pbkdf2Sync(frpToken, 'frp', 64, 16, 'sha1')
}

/** Encrypts one direction: a random IV in clear before the first byte, then one keystream for the stream's whole life. */
export class CfbEncoder {
  readonly #key: Buffer
  readonly #iv: Buffer
  #cipher: Cipheriv | undefined

  constructor(key: Buffer, iv: Buffer = randomBytes(IV_BYTES)) {
    this.#key = key
    this.#iv = iv
  }

  encode(plaintext: Buffer): Buffer {
    if (this.#cipher) return this.#cipher.update(plaintext)
    this.#cipher = createCipheriv(ALGORITHM, this.#key, this.#iv)
    return Buffer.concat([this.#iv, this.#cipher.update(plaintext)])
  }
}

/** Decrypts one direction, whatever way TCP cut it: the IV may come alone, in pieces, or together with the first bytes. */
export class CfbDecoder {
  readonly #key: Buffer
  #head: Buffer = Buffer.alloc(0)
  #decipher: Decipheriv | undefined

  constructor(key: Buffer) {
    this.#key = key
  }

  decode(chunk: Buffer): Buffer {
    if (this.#decipher) return this.#decipher.update(chunk)
    const received = Buffer.concat([this.#head, chunk])
    if (received.length < IV_BYTES) {
      this.#head = received
      return Buffer.alloc(0)
    }
    this.#decipher = createDecipheriv(ALGORITHM, this.#key, received.subarray(0, IV_BYTES))
    return this.#decipher.update(received.subarray(IV_BYTES))
  }
}
