import { expect, it } from 'vitest'
import { trustStoreOf, withCertificates } from './trust-store.ts'

it.each([
  ['ID=alpine', '/usr/local/share/ca-certificates', '/usr/sbin/update-ca-certificates'],
  ['ID=debian', '/usr/local/share/ca-certificates', '/usr/sbin/update-ca-certificates'],
  ['NAME="Ubuntu"\nID=ubuntu\nID_LIKE=debian', '/usr/local/share/ca-certificates', '/usr/sbin/update-ca-certificates'],
  ['ID="centos"', '/etc/pki/ca-trust/source/anchors', '/usr/bin/update-ca-trust'],
  ['ID="rocky"\nID_LIKE="rhel centos fedora"', '/etc/pki/ca-trust/source/anchors', '/usr/bin/update-ca-trust'],
  ['NAME="AlmaLinux"', '/etc/pki/ca-trust/source/anchors', '/usr/bin/update-ca-trust'],
  ['ID=FEDORA', '/etc/pki/ca-trust/source/anchors', '/usr/bin/update-ca-trust'],
])('an image that says %j takes authorities in %s', (osRelease, folder, program) => {
  const store = trustStoreOf(osRelease)
  expect(store?.folder).toBe(folder)
  expect(store?.programs).toContain(program)
})

it('tells the command of Red Hat to extract, and Debian’s nothing', () => {
  expect([trustStoreOf('fedora')?.options, trustStoreOf('debian')?.options]).toEqual([['extract'], []])
})

it.each(['ID=arch', '', 'ID=opensuse-leap'])('an image that says %j is of no distribution that we know', (osRelease) => {
  expect(trustStoreOf(osRelease)).toBeUndefined()
})

it('adds to a bundle what it does not have, once', () => {
  const [one, two] = ['-----BEGIN CERTIFICATE-----\none\n-----END CERTIFICATE-----\n', '-----BEGIN CERTIFICATE-----\ntwo\n-----END CERTIFICATE-----\n']
  const once = withCertificates(`# ours\n${one}`, [one, two])
  expect(once).toBe(`# ours\n${one}${two}`)
  expect(withCertificates(once, [two, one])).toBe(once)
  expect(withCertificates('', [one])).toBe(`\n${one}`)
})
