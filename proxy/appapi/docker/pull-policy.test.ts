import { describe, expect, it } from 'vitest'
import { NotAllowedError } from './errors.ts'
import { checkPull } from './pull-policy.ts'

const policy = { mounts: undefined, registries: ['ghcr.io', 'docker.io/nextcloud'] }

describe('a pull while registries are limited', () => {
  it.each([
    '?fromImage=ghcr.io%2Fnextcloud%2Ftalk%3A1-cpu',
    '?fromImage=ghcr.io/nextcloud/talk&tag=1',
    '?tag=1&fromImage=ghcr.io/a&platform=linux/arm64',
    '?fromImage=nextcloud/talk',
    '?fromImage=docker.io%2Fnextcloud%2Ftalk%3Alatest',
    '?&fromImage=ghcr.io/a&',
    `?fromImage=ghcr.io/a&tag=sha256:${'00'.repeat(32)}`,
  ])('passes: %s', (query) => {
    expect(() => checkPull(query, false, policy)).not.toThrow()
  })

  it.each([
    '',
    '?',
    '?tag=1',
    '?fromImage=',
    '?fromImage=nginx',
    '?fromImage=evil.example/a',
    '?fromImage=ghcr.io.evil.example/a',
    '?fromImage=evil.example/ghcr.io/a',
    '?fromImage=evil.example/a&fromImage=ghcr.io/a',
    '?fromImage=ghcr.io/a&fromImage=evil.example/a',
    '?fromImage=ghcr.io/a&FROMIMAGE=evil.example/a',
    '?fromImage=ghcr.io/a&%66romImage=evil.example/a',
    '?fromImage=ghcr.io/a;fromImage=evil.example/a',
    '?x=1;fromImage=evil.example/a&fromImage=ghcr.io/a',
    '?fromImage=ghcr.io/a&fromSrc=http://evil.example/x.tar',
    '?fromSrc=-&repo=ghcr.io/a',
    '?fromImage=ghcr.io/a&repo=ghcr.io/b',
    '?fromImage=ghcr.io/a&changes=USER+0',
    '?fromImage=ghcr.io%2',
    '?fromImage=docker-archive:/etc/x.tar',
    '?fromImage=sha256:00ff',
    '?fromImage=ghcr.io/a%00',
    '?fromImage=+ghcr.io/a',
    '?fromImage=nextcloud/a&tag=5000/evil',
    '?fromImage=ghcr.io/a&tag=x@y',
    '?fromImage=ghcr.io/a&tag=',
  ])('is refused: %s', (query) => {
    expect(() => checkPull(query, false, policy)).toThrow(NotAllowedError)
  })

  it('is refused with a body, whose fields an engine would believe more than the query', () => {
    expect(() => checkPull('?fromImage=ghcr.io/a', true, policy)).toThrow(NotAllowedError)
  })

  it('says what is allowed', () => {
    expect(() => checkPull('?fromImage=evil.example/a', false, policy)).toThrow('images of evil.example are not allowed; HARPOON_ALLOWED_REGISTRIES allows ghcr.io, docker.io/nextcloud')
    expect(() => checkPull('?fromImage=nginx', false, policy)).toThrow('images of docker.io/library/nginx are not allowed')
  })
})

it('may be anything while they are not', () => {
  const anything = { mounts: undefined, registries: undefined }
  for (const query of ['?fromSrc=-&repo=x', '?fromImage=evil.example/a;b', '']) expect(() => checkPull(query, true, anything)).not.toThrow()
})
