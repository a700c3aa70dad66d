import { expect, it } from 'vitest'
import { mayBeImageId, parseImageReference } from './image-reference.ts'

const digest = `sha256:${'0123456789abcdef'.repeat(4)}`

it.each([
  ['nginx', 'docker.io', 'library/nginx', undefined, undefined],
  ['nginx:1.27-alpine', 'docker.io', 'library/nginx', '1.27-alpine', undefined],
  ['nextcloud/talk_bot:1', 'docker.io', 'nextcloud/talk_bot', '1', undefined],
  ['docker.io/nginx', 'docker.io', 'library/nginx', undefined, undefined],
  ['index.docker.io/nginx', 'docker.io', 'library/nginx', undefined, undefined],
  ['ghcr.io/nextcloud/test-deploy:release-cpu', 'ghcr.io', 'nextcloud/test-deploy', 'release-cpu', undefined],
  ['ghcr.io/a', 'ghcr.io', 'a', undefined, undefined],
  ['localhost/a:1', 'localhost', 'a', '1', undefined],
  ['localhost:5000/a/b/c:1', 'localhost:5000', 'a/b/c', '1', undefined],
  ['[::1]:5000/a', '[::1]:5000', 'a', undefined, undefined],
  ['Registry/a', 'Registry', 'a', undefined, undefined],
  [`a@${digest}`, 'docker.io', 'library/a', undefined, digest],
  [`10.0.0.1:5000/a:1@${digest}`, '10.0.0.1:5000', 'a', '1', digest],
  ['a__b/c-d--e.f', 'docker.io', 'a__b/c-d--e.f', undefined, undefined],
])('reads %s as engines do', (text, registry, repository, tag, digest) => {
  expect(parseImageReference(text)).toEqual({ registry, repository, tag, digest })
})

it.each([
  '',
  ':',
  'a:',
  'a:-',
  'a:b:c',
  '/a',
  'a/',
  'a//b',
  'a/../b',
  '..',
  'A',
  'ghcr.io/A',
  'ghcr.io/',
  'https://ghcr.io/a',
  'docker-archive:/tmp/x',
  'docker://ghcr.io/a',
  'oci:/x:y',
  'a b',
  'a\n',
  'a?x',
  'a#x',
  'a%2fb',
  'a@sha256:00',
  `a@${digest}@${digest}`,
  'a.-b',
  '-a/b',
  'ghcr.io:port/a',
  'é/a',
  'a'.repeat(300),
  'a:'.concat('b'.repeat(129)),
])('takes %j for no reference', (text) => {
  expect(parseImageReference(text)).toBeUndefined()
})

it('knows what may be the id of an image rather than a name', () => {
  expect(['cafe', digest, digest.slice(7), 'sha256:00ff'].map(mayBeImageId)).toEqual([true, true, true, true])
  expect(['nginx', 'docker.io/library/cafe', 'cafe:1', `a@${digest}`, ''].map(mayBeImageId)).toEqual([false, false, false, false, false])
})
