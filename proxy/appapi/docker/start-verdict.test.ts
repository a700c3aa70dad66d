import { expect, it } from 'vitest'
import { judgeStart } from './start-verdict.ts'

/** A container in that state, as an engine describes it. */
const seen = (status: string, health?: string | null) =>
  judgeStart({
    Image: '',
    Config: { Image: '', Tty: false },
    State: { Status: status, Running: status === 'running', StartedAt: '', ...(health === undefined ? {} : { Health: health === null ? null : { Status: health } }) },
  })

it.each([
  ['running', undefined, 'running', { started: true, status: 'running', health: null }],
  ['running', null, 'running', { started: true, status: 'running', health: null }],
  ['running', '', 'running', { started: true, status: 'running', health: null }], // Podman (Q26)
  ['running', 'none', 'running', { started: true, status: 'running', health: null }],
  ['running', 'healthy', 'known', { started: true, status: 'running', health: 'healthy' }],
  ['running', 'unhealthy', 'known', { started: true, status: 'running', health: 'unhealthy', reason: 'unhealthy' }],
  ['running', 'starting', 'undecided', { started: false, status: 'running', health: 'starting' }],
  ['running', 'something else', 'undecided', { started: false, status: 'running', health: 'something else' }],
  ['created', undefined, 'undecided', { started: false, status: 'created', health: null }],
  ['restarting', 'starting', 'undecided', { started: false, status: 'restarting', health: 'starting' }],
  ['removing', undefined, 'undecided', { started: false, status: 'removing', health: null }],
  ['', undefined, 'undecided', { started: false, status: '', health: null }],
  ['paused', 'healthy', 'ended', { started: false, status: 'paused', health: 'healthy', reason: 'non-recoverable state: paused' }],
  ['exited', undefined, 'ended', { started: false, status: 'exited', health: null, reason: 'non-recoverable state: exited' }],
  ['dead', 'unhealthy', 'ended', { started: false, status: 'dead', health: 'unhealthy', reason: 'non-recoverable state: dead' }],
])('a container that is %s with health %j is judged %s', (status, health, kind, report) => {
  expect(seen(status, health)).toEqual({ kind, report })
})

it.each(['', 'none', null])('Q26: takes a health status of %j for a container without health check, which has started once it runs', (health) => {
  expect(seen('running', health)).toMatchObject({ kind: 'running', report: { started: true, health: null } })
})
