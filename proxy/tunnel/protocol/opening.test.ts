import { describe, expect, it } from 'vitest'
import { FrpProtocolError } from '../errors.ts'
import { encodeFrameV2 } from './codec-v2.ts'
import { wireV1 } from './fixtures/wire-v1.ts'
import { wireV2Vectors } from './fixtures/wire-v2.ts'
import { OpeningDecoder } from './opening.ts'
import type { Opening } from './opening.ts'

const recorded = wireV2Vectors.recordedV2Session
const login = encodeFrameV2(16, recorded.loginMessagePayload)
const workConnection = encodeFrameV2(16, recorded.newWorkConnPayload)
const loginV1 = wireV1.recordedV1Sessions[0]?.loginFrame ?? Buffer.alloc(0)

function open(chunks: readonly Buffer[]): { opening: Opening | undefined; rest: string } {
  const decoder = new OpeningDecoder()
  let opening: Opening | undefined
  for (const [index, chunk] of chunks.entries()) {
    opening = decoder.push(chunk)
    if (opening) return { opening, rest: Buffer.concat([decoder.takeRest(), ...chunks.slice(index + 1)]).toString() }
  }
  return { opening, rest: '' }
}

describe.each([
  ['a control connection of wire v2', [recorded.magic, recorded.clientHelloFrame, login], 2, 'Login', recorded.clientHelloPayloadUtf8],
  ['a work connection of wire v2', [recorded.magic, workConnection], 2, 'NewWorkConn', undefined],
  ['a control connection of wire v1', [loginV1], 1, 'Login', undefined],
] as const)('the opening of %s', (_title, parts, version, kind, clientHello) => {
  const bytes = Buffer.concat([...parts, Buffer.from('rest')])

  it('is read wherever it is cut, and what follows is left alone', () => {
    for (let cut = 0; cut <= bytes.length; cut += 1) {
      const { opening, rest } = open([bytes.subarray(0, cut), bytes.subarray(cut)])
      expect(opening).toMatchObject({ wire: { version }, message: { kind } })
      expect(opening?.clientHello).toEqual(clientHello)
      expect(rest).toBe('rest')
    }
  })

  it('is read byte by byte', () => {
    expect(open([...bytes].map((byte) => Buffer.of(byte)))).toMatchObject({ opening: { message: { kind } }, rest: 'rest' })
  })

  it('is not there before its last byte', () => {
    for (let cut = 0; cut < bytes.length - 4; cut += 1) expect(open([bytes.subarray(0, cut)]).opening).toBeUndefined()
  })
})

const refused = [
  ['a Login of wire v2 without ClientHello', [recorded.magic, login]],
  ['a work connection with a ClientHello', [recorded.magic, recorded.clientHelloFrame, workConnection]],
  ['two ClientHellos', [recorded.magic, recorded.clientHelloFrame, recorded.clientHelloFrame, login]],
  ['a ServerHello', [recorded.magic, encodeFrameV2(2, Buffer.from('{}'))]],
  ['magic bytes of another version', [Buffer.from('46525000030d0a', 'hex'), recorded.clientHelloFrame, login]],
  ['magic bytes that are none', [Buffer.from('Fxxxxxx')]],
  ['messages of wire v1 behind the magic', [recorded.magic, loginV1]],
] as const

for (const [title, parts] of refused) {
  it(`refuses ${title}`, () => {
    expect(() => open([Buffer.concat(parts)])).toThrow(FrpProtocolError)
    expect(() => open(Array.from(Buffer.concat(parts), (byte) => Buffer.of(byte)))).toThrow(FrpProtocolError)
  })
}
