import { describe, expect, it } from 'vitest'
import { type Check, expiryCheck, reportHealth } from './health.ts'

const check = (name: string, gating: boolean, problem?: string): Check => ({ name, gating, problem: () => problem })

describe('reportHealth', () => {
  it('is ready when nothing is wrong', () => {
    expect(reportHealth([check('running', true), check('nextcloud', false)])).toEqual({ ready: true, text: '[+] running\n[+] nextcloud\nready\n' })
  })

  it('is ready, and says so, when something is wrong that another replica would not cure', () => {
    expect(reportHealth([check('running', true), check('nextcloud', false, 'down')])).toEqual({ ready: true, text: '[+] running\n[!] nextcloud: down\nready\n' })
  })

  it('is not ready when traffic should stay away', () => {
    expect(reportHealth([check('running', true, 'stopping'), check('nextcloud', false)])).toEqual({ ready: false, text: '[-] running: stopping\n[+] nextcloud\nnot ready\n' })
  })
})

describe('expiryCheck', () => {
  it('names the day, from the moment on that it has come', () => {
    const notAfter = new Date('2031-01-02T03:04:05Z')
    const at = (time: number) => expiryCheck('frp certificate ca', () => notAfter, () => time).problem()
    expect([at(notAfter.getTime() - 1), at(notAfter.getTime())]).toEqual([undefined, 'expired on 2031-01-02T03:04:05.000Z'])
  })

  it('has nothing to say while there is no certificate', () => {
    expect(expiryCheck('https certificate', () => undefined, Date.now).problem()).toBeUndefined()
  })
})
