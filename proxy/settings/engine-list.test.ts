import { describe, expect, it } from 'vitest'
import type { z } from 'zod'
import { engineList } from './engine-list.ts'

type Written = z.input<typeof engineList>

const problemsOf = (written: Written): string[] => engineList.safeParse(written).error?.issues.map(({ message }) => message.split('; accepted: name:port')[0] ?? '') ?? []

describe('the list of engines', () => {
  it.each<[Written, z.output<typeof engineList>]>([
    [undefined, undefined],
    ['', []],
    [[], []],
    ['gpu:24001', [{ name: 'gpu', port: 24_001, generation: '' }]],
    [' gpu:24001 , deploy-daemon_2.x:24099:uid-1 ,', [{ name: 'gpu', port: 24_001, generation: '' }, { name: 'deploy-daemon_2.x', port: 24_099, generation: 'uid-1' }]],
    [[{ name: 'local', port: '24000' }], [{ name: 'local', port: 24_000, generation: '' }]],
    [[{ name: 'gpu', port: '24001', generation: '6f1c2a9e-1d2b-4c7e-9d7b-0a1b2c3d4e5f' }], [{ name: 'gpu', port: 24_001, generation: '6f1c2a9e-1d2b-4c7e-9d7b-0a1b2c3d4e5f' }]],
  ])('can be %j', (written, read) => {
    expect(engineList.parse(written)).toEqual(read)
  })

  it.each<[Written, string[]]>([
    ['gpu', ['entry 1 (gpu) has no port from 24000 to 24099']],
    ['gpu:23999', ['entry 1 (gpu:23999) has no port from 24000 to 24099']],
    ['gpu:24100', ['entry 1 (gpu:24100) has no port from 24000 to 24099']],
    ['gpu:024001', ['entry 1 (gpu:024001) has no port from 24000 to 24099']],
    [':24001', ['entry 1 (:24001) has no usable name']],
    ['-gpu:24001', ['entry 1 (-gpu:24001) has no usable name']],
    ['gpu:24001:', ['entry 1 (gpu:24001:) has more than name, port and generation: an empty generation']],
    ['gpu:24001:a b', ['entry 1 (gpu:24001:a b) has a generation that is no word of at most 64 letters, digits, _ and -']],
    ['gpu:24001:a:b', ['entry 1 (gpu:24001:a:b) has more than name, port and generation: b']],
    ['gpu:24001,gpu:24002', ['entry 2 (gpu:24002) repeats a name']],
    ['gpu:24001,cpu:24001', ['entry 2 (cpu:24001) repeats a port']],
    [[{ name: 'gpu', prot: '24001' }], ['entry 1 (name: gpu, prot: 24001) has no port from 24000 to 24099', 'entry 1 (name: gpu, prot: 24001) has more than name, port and generation: prot']],
    ['x y:1,gpu:24001,gpu:24001', ['entry 1 (x y:1) has no usable name', 'entry 1 (x y:1) has no port from 24000 to 24099', 'entry 3 (gpu:24001) repeats a name', 'entry 3 (gpu:24001) repeats a port']],
  ])('cannot be %j, and all that is wrong is said', (written, problems) => {
    expect(problemsOf(written)).toEqual(problems)
  })
})
