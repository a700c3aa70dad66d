import { describe, expect, it } from 'vitest'
import { isBelow, normalPath, parseAllowedMounts } from './allowed-mounts.ts'

describe('the list of allowed mounts', () => {
  it.each([
    ['/srv', ['/srv']],
    ['/srv/media/, /mnt//x/./y', ['/srv/media', '/mnt/x/y']],
    ['/', ['/']],
    ['none', []],
  ])('reads %s', (text, paths) => {
    expect(parseAllowedMounts(text)).toEqual(paths)
  })

  it.each(['', 'srv', '/srv,', '/srv,none', '/srv/../etc', '/..', './srv', '/a\nb', 'C:\\data', '~', `/${'x'.repeat(4_095)}`])(
    'takes %j for no list: a typing error must not open anything',
    (text) => {
      expect(parseAllowedMounts(text)).toBeUndefined()
    },
  )
})

describe('a mount', () => {
  it.each([
    ['/srv', true],
    ['/srv/', true],
    ['/srv/media/films', true],
    ['//srv//media', true],
    ['/srv/./media', true],
    ['/srvx', false],
    ['/sr', false],
    ['/', false],
    ['/etc', false],
    ['/mnt/data', true],
    ['/mnt', false],
    ['/srv/..media', true],
  ])('of %s is below /srv or /mnt/data: %s', (source, isAllowed) => {
    expect(isBelow(normalPath(source) ?? '', ['/srv', '/mnt/data'])).toBe(isAllowed)
  })

  it.each(['/srv/../etc', '/srv/..', '..', 'srv', '', '/srv/\0', '/srv\n'])('has no normal path: %j', (source) => {
    expect(normalPath(source)).toBeUndefined()
  })

  it('is nowhere when nothing is allowed, and anywhere below /', () => {
    expect([isBelow('/srv', []), isBelow('/srv', ['/']), isBelow('/', ['/'])]).toEqual([false, true, true])
  })
})
