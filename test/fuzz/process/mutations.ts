import * as fc from 'fast-check'

/** One change to bytes; places are in thousandths of their length. */
export interface Mutation {
  readonly kind: 'overwrite' | 'insert' | 'delete' | 'repeat' | 'move' | 'cut off'
  readonly at: number
  readonly length: number
  readonly bytes: Uint8Array
}

const interesting = fc.constantFrom(
  [0], [0xff], [0x7f], [0x80], [0, 0, 0, 0], [0xff, 0xff, 0xff, 0xff], [0x7f, 0xff, 0xff, 0xff], [0x80, 0, 0, 0], [0x0d, 0x0a], [0x0d, 0x0a, 0x0d, 0x0a], [0x20], [0x3a],
).map((bytes) => Uint8Array.from(bytes))

const mutation: fc.Arbitrary<Mutation> = fc.record({
  kind: fc.constantFrom('overwrite', 'overwrite', 'insert', 'delete', 'repeat', 'move', 'cut off'),
  at: fc.nat(1000),
  length: fc.oneof(fc.nat(16), fc.nat(500)),
  bytes: fc.oneof(interesting, fc.uint8Array({ maxLength: 12 })),
})

export const mutations = fc.array(mutation, { maxLength: 5 })

/** The bytes after all changes. */
export const mutated = (bytes: Buffer, changes: readonly Mutation[]): Buffer => changes.reduce(apply, bytes)

function apply(bytes: Buffer, { kind, at, length, bytes: put }: Mutation): Buffer {
  const place = Math.floor((at / 1000) * bytes.length)
  const [before, after] = [bytes.subarray(0, place), bytes.subarray(place)]
  const piece = after.subarray(0, length)
  switch (kind) {
    case 'overwrite':
      return Buffer.concat([before, put, after.subarray(put.length)])
    case 'insert':
      return Buffer.concat([before, put, after])
    case 'delete':
      return Buffer.concat([before, after.subarray(length)])
    case 'repeat':
      return Buffer.concat([before, piece, piece, after])
    case 'move':
      return Buffer.concat([before, after.subarray(length), piece])
    case 'cut off':
      return before
  }
}
