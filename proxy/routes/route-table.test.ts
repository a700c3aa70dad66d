import { describe, expect, it } from 'vitest'
import { type AccessLevel, type Route, RouteTable } from './route-table.ts'

const route = (url: string, accessLevel: AccessLevel): Route => ({ url, accessLevel, bruteforceStatuses: [] })

describe('the routes of an ExApp', () => {
  it('let the first hit decide and do not try later ones', () => {
    const table = new RouteTable([route('/admin', 2), route('.*', 0)])
    expect(table.decide('/admin/x', 1).kind).toBe('denied')
    expect(table.decide('/admin/x', 2).kind).toBe('allowed')
    expect(table.decide('/other', 0).kind).toBe('allowed')
  })

  it('are anchored at the start only and know upper from lower case', () => {
    const table = new RouteTable([route('/user', 0)])
    expect(table.decide('/userX', 0).kind).toBe('allowed')
    expect(table.decide('/User', 0).kind).toBe('unrouted')
    expect(table.decide('/x/user', 0).kind).toBe('unrouted')
  })

  it('skip a pattern that Python refuses too, and name it', () => {
    const table = new RouteTable([route('([', 2), route('/', 0)])
    expect(table.decide('/x', 0).kind).toBe('allowed')
    expect(table.problems).toEqual([{ url: '([', reason: 'unterminated character set', effect: 'skipped' }])
  })

  it('refuse whom a pattern without linear-time form might refuse, and let later routes decide for the others', () => {
    const table = new RouteTable([route('^/admin(?!/public)', 2), route('.*', 0)])
    expect(table.decide('/admin', 1).kind).toBe('denied')
    expect(table.decide('/admin', 2).kind).toBe('allowed')
    expect(table.problems.map(({ effect }) => effect)).toEqual(['refusing'])
  })

  it('Q36: match a pattern that takes others exponential time in linear time', () => {
    const table = new RouteTable([route('/(a|a)*b', 0), route('/(x+x+)+y', 0)])
    expect(table.decide(`/${'a'.repeat(5000)}`, 2).kind).toBe('unrouted')
    expect(table.decide(`/${'x'.repeat(5000)}`, 2).kind).toBe('unrouted')
  })

  it('refuse for a pattern of excessive size instead of compiling it', () => {
    const table = new RouteTable([route(`/${'a'.repeat(5000)}`, 1), route('/(a{1000}){1000}', 1)])
    expect(table.problems.map(({ effect }) => effect)).toEqual(['refusing', 'refusing'])
    expect(table.decide('/a', 0).kind).toBe('denied')
  })
})
