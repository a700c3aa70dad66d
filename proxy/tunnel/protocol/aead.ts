import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { FrpProtocolError } from '../errors.ts'

const ALGORITHM = 'aes-256-gcm'
const NONCE_BYTES = 12
const TAG_BYTES = 16
const LENGTH_BYTES = 4

/** Most plaintext in one record. */
const MAX_RECORD_BYTES = 65_536

/** With more records than this under one key GCM is not safe any more. */
const MAX_RECORDS = 2 ** 32

/** Record i has the first record's nonce plus i, as one big-endian number (frp wire protocol §8.5). */
class Nonces {
  readonly first: Buffer
  readonly #next: Buffer
  #count = 0

  constructor(first: Buffer) {
    this.first = first
    this.#next = Buffer.from(first)
  }

  /** @throws FrpProtocolError when they are used up */
  next(): Buffer {
    if (this.#count >= MAX_RECORDS) throw new FrpProtocolError('the control stream has had too many records')
    this.#count += 1
    const nonce = Buffer.from(this.#next)
    let index = NONCE_BYTES - 1
    while (index >= 0 && this.#next[index] === 0xff) {
      this.#next[index] = 0
      index -= 1
    }
    if (index >= 0) this.#next.writeUInt8(this.#next.readUInt8(index) + 1, index)
    return nonce
  }
}

/** Encrypts one direction of a control stream of wire v2: the first nonce in clear before the first record, then records. */
export class AeadEncoder {
  readonly #key: Buffer
  readonly #nonces: Nonces
  #hasBegun = false

  constructor(key: Buffer, firstNonce: Buffer = randomBytes(NONCE_BYTES)) {
    this.#key = key
    this.#nonces = new Nonces(firstNonce)
  }

  encode(plaintext: Buffer): Buffer {
    const parts = this.#hasBegun ? [] : [this.#nonces.first]
    this.#hasBegun = true
    for (let start = 0; start < plaintext.length; start += MAX_RECORD_BYTES) {
      parts.push(...this.#seal(plaintext.subarray(start, start + MAX_RECORD_BYTES)))
    }
    return Buffer.concat(parts)
  }

  #seal(plaintext: Buffer): Buffer[] {
    const length = Buffer.alloc(LENGTH_BYTES)
    length.writeUInt32BE(plaintext.length + TAG_BYTES)
    const cipher = createCipheriv(ALGORITHM, this.#key, this.#nonces.next()).setAAD(Buffer.concat([this.#nonces.first, length]))
    return [length, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]
  }
}

/** Decrypts one direction, whatever way it was cut; holds at most one record. */
export class AeadDecoder {
  readonly #key: Buffer
  #nonces: Nonces | undefined
  #length: Buffer | undefined
  #part: Buffer = Buffer.alloc(NONCE_BYTES)
  #filled = 0

  constructor(key: Buffer) {
    this.#key = key
  }

  /** What the records that `chunk` completes hold; they are no messages but pieces of a byte stream. @throws FrpProtocolError */
  decode(chunk: Buffer): Buffer {
    const plain: Buffer[] = []
    let rest = chunk
    for (;;) {
      const copied = rest.copy(this.#part, this.#filled)
      rest = rest.subarray(copied)
      this.#filled += copied
      if (this.#filled < this.#part.length) return Buffer.concat(plain)
      plain.push(this.#take(this.#part))
      this.#filled = 0
    }
  }

  /** Takes the nonce, a length or a record, and makes room for what follows. */
  #take(whole: Buffer): Buffer {
    if (!this.#nonces) {
      this.#nonces = new Nonces(whole)
      this.#part = Buffer.alloc(LENGTH_BYTES)
      return Buffer.alloc(0)
    }
    if (!this.#length) {
      this.#length = whole
      this.#part = Buffer.allocUnsafe(recordLength(whole))
      return Buffer.alloc(0)
    }
    const plaintext = open(whole, this.#key, { nonce: this.#nonces.next(), aad: Buffer.concat([this.#nonces.first, this.#length]) })
    this.#length = undefined
    this.#part = Buffer.alloc(LENGTH_BYTES)
    return plaintext
  }
}

function recordLength(header: Buffer): number {
  const length = header.readUInt32BE(0)
  if (length >= TAG_BYTES && length <= MAX_RECORD_BYTES + TAG_BYTES) return length
  throw new FrpProtocolError(`record length ${length} is not within ${TAG_BYTES}..${MAX_RECORD_BYTES + TAG_BYTES}`)
}

function open(record: Buffer, key: Buffer, { nonce, aad }: { readonly nonce: Buffer; readonly aad: Buffer }): Buffer {
  const decipher = createDecipheriv(ALGORITHM, key, nonce).setAAD(aad).setAuthTag(record.subarray(record.length - TAG_BYTES))
  const plaintext = decipher.update(record.subarray(0, record.length - TAG_BYTES))
  try {
    return Buffer.concat([plaintext, decipher.final()])
  } catch (cause) {
    throw new FrpProtocolError('a record of the control stream was not encrypted with its key', { cause })
  }
}
