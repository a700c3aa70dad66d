import { expect, it } from 'vitest'
import { FrpProtocolError } from '../errors.ts'
import { FrameDecoder, encodeFrame } from './codec.ts'
import { wireV1 } from './fixtures/wire-v1.ts'
import { encodeMessage, parseClientMessage } from './messages.ts'
import type { ClientMessage } from './messages.ts'

function parse(frame: Buffer): ClientMessage {
  const [decoded] = new FrameDecoder().push(frame)
  if (!decoded) throw new Error('not a whole frame')
  return parseClientMessage(decoded)
}

function message(type: string, json: unknown): ClientMessage {
  return parse(encodeFrame(type.charCodeAt(0), JSON.stringify(json)))
}

const recorded = (name: string) => wireV1.v1Messages[name]?.frame ?? Buffer.alloc(0)

it('reads the messages of a client', () => {
  expect(parse(recorded('NewProxy'))).toEqual({
    kind: 'NewProxy',
    body: {
      proxy_name: 'exapp',
      proxy_type: 'tcp',
      remote_port: 23_000,
      use_encryption: false,
      use_compression: false,
      bandwidth_limit: '',
      bandwidth_limit_mode: '',
      group: '',
    },
  })
  expect(parse(recorded('CloseProxy'))).toEqual({ kind: 'CloseProxy', body: { proxy_name: 'exapp' } })
  expect(parse(recorded('NewWorkConn'))).toEqual({ kind: 'NewWorkConn', body: { run_id: '0123456789abcdef' } })
  expect(parse(recorded('Ping'))).toEqual({ kind: 'Ping' })
  expect(parse(recorded('Login'))).toEqual({
    kind: 'Login',
    body: {
      version: '0.61.1',
      privilege_key: '24920decf83f6960b80f737a28eeafc1',
      timestamp: 1_700_000_000,
      run_id: '',
      metas: { token: 'a<b>&c' },
      pool_count: 1,
    },
  })
})

it('reads the logins that real clients sent', () => {
  for (const { loginFrame } of wireV1.recordedV1Sessions) {
    expect(parse(loginFrame)).toMatchObject({ kind: 'Login', body: { metas: { token: 'shared-secret' }, pool_count: 1 } })
  }
})

it('writes what frps writes', () => {
  const version = '0.61.1'
  expect(encodeMessage({ kind: 'LoginResp', body: { version, run_id: '0123456789abcdef' } })).toEqual(recorded('LoginResp'))
  expect(encodeMessage({ kind: 'LoginResp', body: { version, error: 'denied' } })).toEqual(recorded('LoginRespErr'))
  expect(encodeMessage({ kind: 'NewProxyResp', body: { proxy_name: 'exapp', remote_addr: ':23000' } })).toEqual(recorded('NewProxyResp'))
  expect(encodeMessage({ kind: 'ReqWorkConn' })).toEqual(recorded('ReqWorkConn'))
  expect(encodeMessage({ kind: 'Pong' })).toEqual(recorded('Pong'))
})

it('takes missing and null fields for zero values, as Go does, and ignores what it does not know', () => {
  const nothing = { version: '', privilege_key: '', timestamp: 0, run_id: '', metas: { token: '' }, pool_count: 0 }
  expect(message('o', {})).toEqual({ kind: 'Login', body: nothing })
  expect(message('o', null)).toEqual({ kind: 'Login', body: nothing })
  expect(message('o', { version: null, metas: null, pool_count: null, timestamp: null })).toEqual({ kind: 'Login', body: nothing })
  expect(message('o', { hostname: 'x', client_id: 'y', client_spec: { always_auth_pass: true }, from_the_future: [1] })).toEqual({
    kind: 'Login',
    body: nothing,
  })
  expect(message('p', { remote_port: 23_000 })).toMatchObject({ body: { proxy_type: 'tcp' } })
})

it('refuses values of a wrong type, by the name of the field', () => {
  for (const pool_count of ['5', 1.5, {}]) expect(() => message('o', { pool_count })).toThrow('Login: wrong value in pool_count')
  expect(() => message('p', { proxy_name: 7 })).toThrow('NewProxy: wrong value in proxy_name')
  expect(() => message('p', { proxy_name: 'x'.repeat(257) })).toThrow('NewProxy: wrong value in proxy_name')
  expect(() => message('o', { metas: { token: 1 } })).toThrow('Login: wrong value in metas.token')
})

it('refuses what is not a JSON object, without repeating it: it may hold a token', () => {
  for (const text of ['', '{"metas":{"token":"secret"', '[]', '"secret"', '7', 'secret']) {
    expect(() => parse(encodeFrame(0x6f, text))).toThrow(new FrpProtocolError('Login: not a JSON object'))
  }
})

it('knows the messages that mean nothing here', () => {
  for (const type of '1234usrnm56') expect(message(type, {})).toEqual({ kind: 'Ignored' })
})

it('has an answer to the longest name, whatever characters it has', () => {
  const name = '\u0001'.repeat(256)
  expect(() => encodeMessage({ kind: 'NewProxyResp', body: { proxy_name: name, error: `proxy [${name}] already exists` } })).not.toThrow()
})
