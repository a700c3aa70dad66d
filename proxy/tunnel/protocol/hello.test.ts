import { expect, it } from 'vitest'
import { FrpProtocolError } from '../errors.ts'
import { wireV2Vectors } from './fixtures/wire-v2.ts'
import { answerHello, deriveControlKeys, transcriptHash } from './hello.ts'

const recorded = wireV2Vectors.recordedV2Session

function hello(changes: object): Buffer {
  const crypto = { algorithms: ['xchacha20-poly1305', 'aes-256-gcm'], clientRandom: Buffer.alloc(32, 7).toString('base64') }
  return Buffer.from(JSON.stringify({ capabilities: { message: { codecs: ['json'] }, crypto: { ...crypto, ...changes } } }))
}

const answer = (payload: Buffer) => answerHello(payload, { frpToken: '', random: Buffer.alloc(32, 7) })

for (const vector of wireV2Vectors.v2Aead.cases) {
  it(`hashes the hellos of ${vector.algorithm} as frp does`, () => {
    expect(transcriptHash(vector.clientHelloPayloadUtf8, vector.serverHelloPayloadUtf8)).toEqual(vector.transcriptHash)
  })
}

it('derives the keys that frp derives', () => {
  const vector = wireV2Vectors.v2Aead.cases.find(({ algorithm }) => algorithm === 'aes-256-gcm')
  expect(vector && deriveControlKeys(vector.token, vector.transcriptHash)).toEqual({
    clientToServer: vector?.keyClientToServer,
    serverToClient: vector?.keyServerToClient,
  })
})

it('answers the hello of a real frpc', () => {
  const random = Buffer.from('r2vjUF81jZKNOi88s02SbIf+ZvV4N1HPwxql0WP+VUA=', 'base64')
  const answered = answerHello(recorded.clientHelloPayloadUtf8, { frpToken: 'tok', random })
  expect(answered).toMatchObject({ payload: recorded.serverHelloPayloadUtf8, keys: { clientToServer: recorded.keyClientToServer } })
})

it('takes an algorithm that it has, whatever the client likes better', () => {
  expect(answer(hello({}))).toHaveProperty('keys')
})

it('says why it has no keys to offer', () => {
  expect(answer(hello({ algorithms: ['xchacha20-poly1305'] }))).toEqual({
    payload: Buffer.from('{"selected":{"message":{"codec":"json"}},"error":"no common encryption algorithm: this server has aes-256-gcm"}'),
    refusal: 'no common encryption algorithm: this server has aes-256-gcm',
  })
  expect(answer(hello({ clientRandom: 'AAAA' }))).toMatchObject({ refusal: 'clientRandom is not of 32 bytes' })
  const otherCodec = Buffer.from(hello({}).toString().replace('"json"', '"cbor"'))
  expect(answer(otherCodec)).toMatchObject({ refusal: 'no common message codec: this server has json' })
})

it('refuses what is no ClientHello', () => {
  const payloads = ['', '{}', '[]', 'null', '{"capabilities":{}}', hello({ clientRandom: 7 }), hello({ algorithms: 'aes-256-gcm' }), hello({ clientRandom: '!' })]
  for (const payload of payloads) expect(() => answer(Buffer.from(payload))).toThrow(FrpProtocolError)
})
