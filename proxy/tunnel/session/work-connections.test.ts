import { once } from 'node:events'
import { Duplex } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { TunnelNotConnectedError, TunnelUnresponsiveError } from '../errors.ts'
import type { LimitName } from '../../limit-reached.ts'
import type { FrpStream } from '../frp-stream.ts'
import { WorkConnections } from './work-connections.ts'

const REMOTE_PORT = 23_000
const take = { remotePort: REMOTE_PORT, timeoutMs: 5000 }

/** A stream whose other side does nothing until the test says so. */
function silentStream(): FrpStream {
  const stream = new Duplex({ read() {}, write: (_chunk, _encoding, callback) => callback() })
  return Object.assign(stream, { bytesRead: 0, bytesWritten: 0, destroySoon: () => void stream.destroy() })
}

function create({ poolCount = 0, maxWaiters = 10, maxAsked = 10 } = {}) {
  const asked = { count: 0 }
  const reached: LimitName[] = []
  const pool = new WorkConnections({ poolCount, maxWaiters, maxAsked, ask: () => ((asked.count += 1), true), onLimit: (limit) => void reached.push(limit) })
  return { pool, asked, reached }
}

describe('the pool of work connections', () => {
  it('asks for as many as the client wishes, within 0 and 5', () => {
    for (const [poolCount, expected] of [[1, 1], [5, 5], [100, 5], [0, 0], [-20, 0]] as const) {
      const { pool, asked } = create({ poolCount })
      pool.fill()
      pool.fill() // what has been asked for is on its way
      expect(asked.count).toBe(expected)
    }
  })

  it('gives out the one that has waited longest, and asks for another', async () => {
    const { pool, asked } = create({ poolCount: 2 })
    pool.fill()
    const streams = [silentStream(), silentStream()]
    for (const stream of streams) expect(pool.offer(stream)).toBe(true)
    expect(await pool.take(take)).toBe(streams[0])
    expect(asked.count).toBe(3)
    expect(await pool.take(take)).toBe(streams[1])
    expect(asked.count).toBe(4)
    expect(pool.active).toBe(2)
  })

  it('asks for one when there is none, and serves who waited longest', async () => {
    const { pool, asked } = create()
    const waiting = [pool.take(take), pool.take(take)]
    expect(asked.count).toBe(2)
    const streams = [silentStream(), silentStream()]
    for (const stream of streams) pool.offer(stream)
    expect(await Promise.all(waiting)).toEqual(streams)
  })

  it('has no more on their way than may be, and asks for the next when one has come', async () => {
    const { pool, asked } = create({ maxAsked: 2 })
    const waiting = [1, 2, 3, 4].map(() => pool.take(take))
    const streams = [1, 2, 3, 4].map(silentStream)
    const askedFor = streams.map((stream) => {
      const before = asked.count
      pool.offer(stream)
      return before
    })
    expect(askedFor).toEqual([2, 3, 4, 4])
    expect(await Promise.all(waiting)).toEqual(streams)
  })

  it('says whether a request is answered', async () => {
    const { pool, asked } = create()
    expect(await pool.isRequestAnswered(5)).toBe(false)
    const answered = pool.isRequestAnswered(5000)
    pool.offer(silentStream())
    expect(await answered).toBe(true)
    expect(asked.count).toBe(2)
  })

  it('turns away what is more than it can hold', () => {
    const { pool, reached } = create({ poolCount: 1 })
    for (let count = 0; count < 11; count += 1) expect(pool.offer(silentStream())).toBe(true)
    expect(reached).toEqual([])
    expect(pool.offer(silentStream())).toBe(false)
    expect(reached).toEqual(['frp_idle_work_connections_per_session'])
  })

  it('drops a stream that ended, died or spoke while it waited', async () => {
    const { pool } = create({ poolCount: 3 })
    const [ended, died, spoke, good] = [silentStream(), silentStream(), silentStream(), silentStream()]
    for (const stream of [ended, died, spoke, good]) pool.offer(stream)
    const closed = [ended, died, spoke].map((stream) => once(stream, 'close'))
    ended.push(null)
    died.destroy()
    spoke.push('too early')
    await Promise.all(closed)
    expect(await pool.take(take)).toBe(good)
  })

  it('gives up in time, and hands the late stream to the next', async () => {
    const { pool } = create()
    await expect(pool.take({ ...take, timeoutMs: 5 })).rejects.toEqual(
      new TunnelUnresponsiveError(REMOTE_PORT, 'frpc opened no work connection within 5 ms'),
    )
    expect(pool.active).toBe(0)
    const next = pool.take(take)
    const late = silentStream()
    pool.offer(late)
    expect(await next).toBe(late)
  })

  it('forgets who went away', async () => {
    const { pool } = create({ poolCount: 1, maxWaiters: 1 })
    const client = new AbortController()
    const waiting = pool.take({ ...take, signal: client.signal })
    await expect(pool.take(take)).rejects.toThrow('too many requests wait for a work connection')
    client.abort(new Error('the visitor went away'))
    await expect(waiting).rejects.toThrow('the visitor went away')
    const stream = silentStream()
    pool.offer(stream)
    expect(await pool.take(take)).toBe(stream)
  })

  it('counts a stream until it is closed', async () => {
    const { pool } = create()
    const taken = pool.take(take)
    const stream = silentStream()
    pool.offer(stream)
    await taken
    const idle = pool.whenIdle()
    expect(pool.active).toBe(1)
    stream.destroy()
    await idle
    expect(pool.active).toBe(0)
  })

  it('when it is to stop, gives out what is there and asks for no more', async () => {
    const { pool, asked } = create({ poolCount: 1 })
    const stream = silentStream()
    pool.offer(stream)
    pool.stopAsking()
    expect(await pool.take(take)).toBe(stream)
    expect(asked.count).toBe(0)
    await expect(pool.take(take)).rejects.toThrow(TunnelNotConnectedError)
  })

  it('tells everybody who waits when the session ends', async () => {
    const { pool } = create()
    const waiting = pool.take(take)
    pool.close('the client closed its connection')
    await expect(waiting).rejects.toEqual(new TunnelNotConnectedError(REMOTE_PORT, 'the client closed its connection'))
    await expect(pool.take(take)).rejects.toThrow(TunnelNotConnectedError)
    expect(pool.offer(silentStream())).toBe(false)
  })
})
