import { describe, expect, it } from 'vitest'
import { isFromRegistry, parseAllowedRegistries } from './allowed-registries.ts'

describe('the list of allowed registries', () => {
  it.each([
    ['ghcr.io', ['ghcr.io']],
    ['ghcr.io, Registry.example.org:5000/ ,docker.io/nextcloud', ['ghcr.io', 'registry.example.org:5000', 'docker.io/nextcloud']],
    ['localhost', ['localhost']],
    ['[::1]:5000', ['[::1]:5000']],
  ])('reads %s', (text, registries) => {
    expect(parseAllowedRegistries(text)).toEqual(registries)
  })

  it.each(['', 'ghcr.io,', 'https://ghcr.io', 'ghcr', '*', '*.example.org', 'ghcr.io/../x', 'ghcr.io//x', 'ghcr.io:port', 'a b.c', 'ghcr.io/x:tag'])(
    'takes %j for no list',
    (text) => {
      expect(parseAllowedRegistries(text)).toBeUndefined()
    },
  )
})

it.each([
  ['ghcr.io', 'nextcloud/a', true],
  ['GHCR.IO', 'nextcloud/a', true],
  ['ghcr.io.evil.example', 'nextcloud/a', false],
  ['docker.io', 'nextcloud/a', true],
  ['docker.io', 'nextcloudx/a', false],
  ['docker.io', 'library/nginx', false],
  ['localhost:5000', 'a', false],
])('an image of %s/%s is from ghcr.io or docker.io/nextcloud: %s', (registry, repository, isAllowed) => {
  expect(isFromRegistry({ registry, repository }, ['ghcr.io', 'docker.io/nextcloud'])).toBe(isAllowed)
})
