import { describe, expect, it } from 'vitest'
import { createLog, type LogLevel, startLog } from './log.ts'

function written(level: LogLevel, write: (log: ReturnType<typeof createLog>) => void): Record<string, unknown>[] {
  const lines: string[] = []
  write(createLog(level, false, { write: (line) => void lines.push(line) }))
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>)
}

const all = (log: ReturnType<typeof createLog>): void => {
  log.debug('d')
  log.info('i')
  log.warn('w')
  log.error('e')
}

describe('createLog', () => {
  it.each<[LogLevel, string[]]>([
    ['debug', ['debug', 'info', 'warn', 'error']],
    ['info', ['info', 'warn', 'error']],
    ['warning', ['warn', 'error']],
    ['error', ['error']],
  ])("writes what HaRP's level %s writes", (level, expected) => {
    expect(written(level, all).map((line) => line['level'])).toEqual(expected)
  })

  it('writes one JSON object per line: level by name, time, facts, message', () => {
    expect(written('info', (log) => log.info({ app: 'demo' }, 'event'))).toEqual([{ level: 'info', time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/), app: 'demo', msg: 'event' }])
  })
})

describe('startLog', () => {
  it('shows the steps of the start at a higher level too when they are asked for', () => {
    const levels = (level: LogLevel, verbose: boolean) => written(level, (log) => all(startLog(log, verbose))).map((line) => line['level'])
    expect(levels('error', true)).toEqual(['info', 'warn', 'error'])
    expect(levels('error', false)).toEqual(['error'])
    expect(levels('debug', true)).toEqual(['debug', 'info', 'warn', 'error'])
  })

  it('leaves the level of everything else alone', () => {
    expect(written('error', (log) => (startLog(log, true), all(log))).map((line) => line['level'])).toEqual(['error'])
  })
})
