import assert from 'node:assert/strict'
import * as fc from 'fast-check'
import { originForm, readTarget, upstreamPath } from '../../proxy/request/target.ts'
import { pureProperty } from './fuzz-property.ts'

/** Pieces that request targets are made of, the odd ones first. */
const pieces = fc.constantFrom(
  '/', '//', '.', '..', '/..', '/.', '%2e', '%2E', '%2f', '%2F', '%5c', '\\', '%00', '%', '%25', '%252e', '?', '#', ';', ':', '@', '*', '&', '=', '+', '~', '|', ' ', '\t', '\r\n', '\0', 'ä', '\u{1f600}',
  'exapps', '/exapps/', '/exapps/demo', '/exapps/demo/', 'app_api', '/exapps/app_api/', 'demo', 'other', 'x', 'http://', 'HTTP://', 'host',
)
const targets = fc.array(pieces, { maxLength: 10 }).map((parts) => parts.join(''))

/** A path without dots segments, as servers resolve them that decode once, or not at all. */
function resolved(path: string): string {
  const segments: string[] = []
  for (const segment of path.split(/\/|%2f/i)) {
    const plain = segment.replace(/%2e/gi, '.')
    if (plain === '..') segments.pop()
    else if (plain !== '.') segments.push(segment)
  }
  return segments.join('/')
}

/** What another server may take the target for must be what we take it for. */
export const target = pureProperty('targets', 'a request target is passed on to the byte, and no server that resolves dots takes it to another ExApp', () =>
  fc.asyncProperty(targets, fc.option(fc.constantFrom('host', 'HOST', 'other'), { nil: undefined }), async (url, host) => {
    const origin = originForm(url, host)
    if (origin === undefined) return
    const read = readTarget(origin)
    if (read.kind === 'elsewhere') {
      if (!read.climbs) assert.ok(!/^\/exapps(\/|$)/.test(resolved(origin.split('?', 1)[0] ?? '')) || !origin.startsWith('/exapps'), `${origin} climbs into /exapps`)
      return
    }
    if (read.kind !== 'exapp' && read.kind !== 'control') return
    const id = read.kind === 'exapp' ? read.appId : 'app_api'
    // To the byte: what was decided about is what was asked for, and what goes on.
    assert.equal(`/exapps/${id}${read.path}${read.query}`, origin)
    assert.ok(upstreamPath(read).startsWith('/') || upstreamPath(read).startsWith('?'), `${upstreamPath(read)} is no path`)
    assert.match(origin, /^[\x21-\x7e]*$/)
    assert.ok(!origin.includes('#'))
    assert.ok(id !== '' && !id.includes('/') && !id.includes('?'))
    if (!/^[\w-]+$/.test(id)) return // nobody's id, whatever others make of it
    // A server that knows no better resolves dots: the ExApp stays the same.
    const path = resolved(origin.split('?', 1)[0] ?? '')
    assert.ok(path.startsWith(`/exapps/${id}`), `${origin} is ${path} to others`)
    const parsed = new URL(`http://host${origin}`) // to which a backslash is a slash: no server of ExApps resolves that
    if (!origin.includes('\\')) assert.ok(parsed.pathname.startsWith(`/exapps/${id}`), `${origin} is ${parsed.pathname} to a browser`)
  }),
)
