import { describe, expect, it } from 'vitest'
import { BandwidthLimit, parseBandwidth } from './bandwidth.ts'

describe('a bandwidth', () => {
  it.each([
    ['', 0],
    ['512KB', 524_288],
    ['1MB', 1_048_576],
    ['1.5MB', 1_572_864],
    [' 2 KB ', 2048],
    ['0KB', 0],
  ])('"%s" is %d bytes per second', (text, bytes) => {
    expect(parseBandwidth(text)).toBe(bytes)
  })

  it.each(['512', '1GB', '1mb', '-1MB', 'MB', '1e3KB', 'NaNMB', `${'9'.repeat(30)}MB`, '1.MB'])('"%s" is none', (text) => {
    expect(parseBandwidth(text)).toBeUndefined()
  })
})

describe('a bandwidth limit', () => {
  it('lets one second’s bytes pass at once, and what follows in its time and order', () => {
    let now = 0
    const limit = new BandwidthLimit(1000, () => now)
    expect(limit.take(1000)).toBe(0)
    expect(limit.take(500)).toBe(500)
    expect(limit.take(500)).toBe(1000)
    now = 1000
    expect(limit.take(100)).toBe(100)
    now = 1_000_000 // however long nothing passed
    expect(limit.take(1000)).toBe(0)
    expect(limit.take(1)).toBe(1)
  })

  it('cuts what is longer than its bucket, or than what one stream may send while others wait', () => {
    const lengths = (bytesPerSecond: number, bytes: number) => [...new BandwidthLimit(bytesPerSecond).cut(Buffer.alloc(bytes))].map(({ length }) => length)
    expect(lengths(1000, 2500)).toEqual([1000, 1000, 500])
    expect(lengths(10_000_000, 150_000)).toEqual([65_536, 65_536, 18_928])
    expect(lengths(1000, 0)).toEqual([])
  })

  it('is given up with its stream', async () => {
    const limit = new BandwidthLimit(1000)
    const stop = new AbortController()
    const passed = Promise.all([limit.pass(1000, stop.signal), limit.pass(1000, stop.signal)])
    stop.abort()
    await expect(passed).rejects.toThrow('aborted')
  })
})
