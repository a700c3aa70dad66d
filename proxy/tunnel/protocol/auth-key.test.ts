import { expect, it } from 'vitest'
import { isPrivilegeKey, privilegeKey } from './auth-key.ts'
import { wireV1 } from './fixtures/wire-v1.ts'

for (const { token, timestamp, privilege_key } of wireV1.authKey.cases) {
  it(`makes the privilege key of token "${token}" as frpc does`, () => {
    expect(privilegeKey(token, timestamp)).toBe(privilege_key)
    expect(isPrivilegeKey(privilege_key, token, timestamp)).toBe(true)
  })
}

for (const session of wireV1.recordedV1Sessions) {
  it(`takes the privilege key that ${session.client} sent`, () => {
    const { privilege_key, timestamp } = JSON.parse(session.loginJson) as { privilege_key: string; timestamp: number }
    expect(isPrivilegeKey(privilege_key, session.token, timestamp)).toBe(true)
    expect(isPrivilegeKey(privilege_key, `${session.token}x`, timestamp)).toBe(false)
    expect(isPrivilegeKey(privilege_key, session.token, timestamp + 1)).toBe(false)
  })
}

it('refuses keys of other lengths', () => {
  const { privilege_key } = { privilege_key: privilegeKey('', 1) }
  for (const key of ['', privilege_key.slice(1), `${privilege_key}0`, 'é'.repeat(16)]) expect(isPrivilegeKey(key, '', 1)).toBe(false)
})
