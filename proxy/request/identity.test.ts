import { describe, expect, it } from 'vitest'
import type { VisitorCredentials } from '../nextcloud/client.ts'
import { exAppSchema, toExApp } from '../nextcloud/exapp.ts'
import { WrongSignatureError } from './errors.ts'
import { decided } from './exchange.fixture.ts'
import { type DirectRequest, exAppFromHeaders, identify, readDirectRequest } from './identity.ts'

const six: Readonly<Record<string, string>> = {
  'ex-app-version': '9.9.9',
  'ex-app-id': 'demo',
  'ex-app-host': 'exapp.internal',
  'ex-app-port': '23000',
  'authorization-app-api': 'c2lnbmVk',
  'harp-shared-key': 'sk',
}
const without = (name: string) => Object.fromEntries(Object.entries(six).filter(([header]) => header !== name))
const read = (headers: Record<string, string> | string[]) => decided({ path: '/exapps/demo/x', headers }, readDirectRequest)

describe('a direct request of AppAPI', () => {
  it('is one with all six headers and the right key', async () => {
    expect(await read(six)).toEqual({ signature: 'c2lnbmVk', host: 'exapp.internal', port: '23000', version: '9.9.9' })
  })

  it('may have them empty', async () => {
    const empty = { ...six, 'ex-app-version': '', 'ex-app-id': '', 'ex-app-host': '', 'ex-app-port': '', 'authorization-app-api': '' }
    expect(await read(empty)).toEqual({ signature: '', host: '', port: '', version: '' })
  })

  it.each(Object.keys(six))('is none without %s', async (name) => {
    expect(await read(without(name))).toBeUndefined()
  })

  it('is refused with a wrong key, also when a right one stands before it', async () => {
    await expect(read({ ...six, 'harp-shared-key': 'no' })).rejects.toBeInstanceOf(WrongSignatureError)
    await expect(read([...Object.entries(six).flat(), 'harp-shared-key', 'no'])).rejects.toBeInstanceOf(WrongSignatureError)
    expect(await read([...Object.entries(without('harp-shared-key')).flat(), 'harp-shared-key', 'no', 'harp-shared-key', 'sk'])).toMatchObject({ signature: 'c2lnbmVk' })
  })
})

describe('exAppFromHeaders', () => {
  const direct = (port: string): DirectRequest => ({ signature: 's', host: 'exapp.internal', port, version: '9.9.9' })

  it('makes a record without routes or token', () => {
    expect(exAppFromHeaders('fresh', direct(' 23000 '))).toMatchObject({ id: 'fresh', token: '', version: '9.9.9', host: 'exapp.internal', port: 23_000, resolvedHost: '', routeCount: 0 })
  })

  it.each(['', 'abc', '0', '65536', '-1', '1.5', '0x50', '1e3', '123456'])('refuses port %j', (port) => {
    expect(() => exAppFromHeaders('fresh', direct(port))).toThrow('ex-app-port is no port number; accepted: 1 to 65535')
  })
})

describe('identify', () => {
  const demo = toExApp('Demo', exAppSchema.parse({ exapp_token: 't', exapp_version: '1', host: 'h', port: 1 }))
  type Question = { appId: string; visitor: VisitorCredentials; hasSession: boolean }

  /** Who a request with these headers is, and what was asked to find out. */
  const ask = async (headers: Record<string, string> | string[], answer: () => Promise<{ id: string; level: 0 | 1 | 2 }> = async () => ({ id: 'usr', level: 1 })) => {
    const questions: Question[] = []
    const caller = await decided({ path: '/', headers }, (exchange) =>
      identify(exchange, demo, (appId, visitor, hasSession) => {
        questions.push({ appId, visitor, hasSession })
        return answer()
      }),
    )
    return { caller, questions }
  }

  it.each([[{}], [{ cookie: 'a=1; nc_token=x' }], [{ cookie: 'oc_sessionPassphrase=' }], [{ 'proxy-authorization': 'Basic x' }]])('takes a visitor without credentials for nobody and asks nothing: %j', async (headers) => {
    expect(await ask(headers)).toEqual({ caller: { kind: 'visitor', user: { id: '', level: 0 } }, questions: [] })
  })

  it('asks about a session with all cookies', async () => {
    const { caller, questions } = await ask(['Cookie', 'a=1', 'Cookie', 'oc_sessionPassphrase=s', 'User-Agent', 'Browser/1'])
    expect(caller).toEqual({ kind: 'visitor', user: { id: 'usr', level: 1 } })
    expect(questions).toEqual([
      { appId: 'Demo', hasSession: true, visitor: { cookies: 'a=1; oc_sessionPassphrase=s', authorization: undefined, userAgent: 'Browser/1', clientAddress: '127.0.0.1' } },
    ])
  })

  it('asks about an Authorization header alone, also an empty one', async () => {
    for (const authorization of ['Basic dXNyOnVzcg==', '']) {
      const { questions } = await ask({ authorization })
      expect(questions).toMatchObject([{ hasSession: false, visitor: { cookies: undefined, authorization } }])
    }
  })

  it('says so when Nextcloud cannot be asked: the routes decide what that means', async () => {
    const cause = new Error('down')
    expect((await ask({ authorization: 'Basic x' }, () => Promise.reject(cause))).caller).toEqual({ kind: 'unidentified', cause })
  })
})
