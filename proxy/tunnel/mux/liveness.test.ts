import { expect, it } from 'vitest'
import { KeepAliveTimeoutError } from './errors.ts'
import { PING, SYN, WINDOW_UPDATE, connectSession } from './peer.fixture.ts'

it('closes the session of a peer that answers no ping', async () => {
  await using session = await connectSession({ keepAliveIntervalMs: 20, keepAliveTimeoutMs: 30 })
  session.peer.answersPings = false
  expect(await session.muxer.closed).toEqual(new KeepAliveTimeoutError(30))
  expect(session.peer.frames[0]).toMatchObject({ type: PING, flags: SYN, streamId: 0, length: 0 })
})

it('keeps the session of a peer that answers', async () => {
  await using session = await connectSession({ keepAliveIntervalMs: 10, keepAliveTimeoutMs: 5000 })
  await session.peer.until(() => session.peer.frames.length >= 5)
  expect(session.peer.frames.map(({ length }) => length).slice(0, 5)).toEqual([0, 1, 2, 3, 4])
})

it('keeps the session of a peer that is busy sending and answers late', async () => {
  await using session = await connectSession({ keepAliveIntervalMs: 10, keepAliveTimeoutMs: 200 })
  session.peer.answersPings = false
  const busy = setInterval(() => session.peer.send(WINDOW_UPDATE, 0, 9, 1), 5)
  await session.peer.until(() => session.peer.frames.length >= 3)
  clearInterval(busy)
  expect(await session.muxer.closed).toBeInstanceOf(KeepAliveTimeoutError)
})

it('tells a live peer from a dead one on demand', async () => {
  await using session = await connectSession()
  session.peer.answersPings = false
  expect(await session.muxer.ping(20)).toBe(false)
  session.peer.answersPings = true
  expect(await session.muxer.ping(5000)).toBe(true)
})

it('counts a peer whose session closes as not answering', async () => {
  await using session = await connectSession()
  session.peer.answersPings = false
  const answered = session.muxer.ping(5000)
  session.muxer.close()
  expect(await answered).toBe(false)
})
