import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, it } from 'vitest'
import { ProtocolError } from './errors.ts'
import { ReceiveMemory } from './receive-memory.ts'
import { UnreadBytes } from './unread-bytes.ts'

const MIB = 1024 ** 2

function unreadBytes(limitBytes = 64 * MIB) {
  const memory = new ReceiveMemory({ limitBytes: () => limitBytes, onLimit: () => {} })
  const session = memory.newSession()
  const given = { up: false }
  return { memory, session, given, unread: new UnreadBytes({ maxWindowBytes: MIB, memory: session, onGiveUp: () => void (given.up = true) }) }
}

it('counts what waits and what was asked for, until it is read', () => {
  const { memory, unread } = unreadBytes()
  unread.reserve(1000)
  unread.arrived(1000)
  unread.inbox.add(Buffer.alloc(600))
  unread.count(400)
  expect([unread.received, unread.heldBytes, memory.heldBytes]).toEqual([1000, 1000, 1000])
  unread.inbox.shift()
  unread.count(0)
  expect([unread.heldBytes, memory.heldBytes]).toEqual([0, 0])
})

it('gives credit for what was read only', () => {
  const { unread } = unreadBytes()
  unread.reserve(200_000)
  unread.arrived(200_000)
  unread.count(200_000)
  expect(unread.takeCredit()).toBe(0)
  unread.count(68_929)
  expect(unread.takeCredit()).toBe(0)
  unread.count(68_928)
  expect(unread.takeCredit()).toBeGreaterThanOrEqual(131_072)
  expect(() => unread.reserve(2 * MIB)).toThrow(ProtocolError)
})

it('is told when others need the memory', () => {
  const { unread, given } = unreadBytes(4 * 1000)
  unread.count(1000)
  expect(given.up).toBe(false)
  unread.count(1001)
  expect(given.up).toBe(true)
})

it('counts nothing after its end, and is not kept', async () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const { memory, session } = unreadBytes()
  const ended = new WeakRef(endedIn(session))
  expect(memory.heldBytes).toBe(0)
  await expect.poll(() => {
    collect()
    return ended.deref() === undefined
  }).toBe(true)
})

function endedIn(session: ConstructorParameters<typeof UnreadBytes>[0]['memory']): UnreadBytes {
  const unread = new UnreadBytes({ maxWindowBytes: MIB, memory: session, onGiveUp: () => {} })
  unread.count(1000)
  unread.end()
  unread.count(1000)
  return unread
}
