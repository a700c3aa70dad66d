import { expect, it } from 'vitest'
import { createNarrator } from './narrator.ts'

it('shows log lines as level, message and the facts that explain a decision', () => {
  const lines: string[] = []
  const narrator = createNarrator((line) => lines.push(line))
  narrator.say('Hello')
  narrator.log('{"level":40,"time":1,"msg":"no login","path":"/exapps/demo/page","status":403,"stack":"…"}')
  narrator.log('{"level":"info","msg":"forwarded","ms":3}')
  narrator.log('{ not JSON')
  narrator.log('plain')
  expect(lines).toEqual([
    'Hello',
    '    │ warning no login path=/exapps/demo/page status=403',
    '    │ info    forwarded ms=3',
    '    │ { not JSON',
    '    │ plain',
  ])
})
