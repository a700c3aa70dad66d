import path from 'node:path'
import { expect, it } from 'vitest'
import { startProcess } from './child-process.ts'

it('ends a peer when the process that started it is killed', async () => {
  const starter = `
    import { startProcess } from '${path.join(import.meta.dirname, 'child-process.ts')}'
    const peer = await startProcess({ program: 'sleep', args: ['600'] })
    console.log('peer ' + peer.pid)
    setInterval(() => {}, 1000)
  `
  const runner = await startProcess({ program: process.execPath, args: ['--input-type=module', '-e', starter] })
  const pid = Number((await runner.waitForOutput(/peer \d+\n/)).slice('peer '.length))
  expect(process.kill(pid, 0)).toBe(true)
  runner.kill('SIGKILL')
  await runner.exited
  await expect.poll(() => isAlive(pid), { timeout: 5_000 }).toBe(false)
})

it('keeps only the newest output of a peer that never stops printing', async () => {
  await using peer = await startProcess({
    program: process.execPath,
    args: ['-e', `process.stdout.write('first' + 'x'.repeat(3 * 1024 * 1024) + 'last')`],
  })
  await peer.exited
  expect(peer.output().length).toBe(1024 * 1024)
  expect(peer.output()).toMatch(/^x+last$/)
})

it('kills a peer that does not care about being told to stop', async () => {
  const peer = await startProcess({
    program: process.execPath,
    args: ['-e', `process.on('SIGTERM', () => {}); console.log('up'); setInterval(() => {}, 1000)`],
  })
  await peer.waitForOutput(/up/)
  await peer.stop()
  expect(await peer.exited).toEqual({ code: null, signal: 'SIGKILL' })
})

it('rejects when the program does not exist', async () => {
  await expect(startProcess({ program: '/no/such/program', args: [] })).rejects.toThrow('ENOENT')
})

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
