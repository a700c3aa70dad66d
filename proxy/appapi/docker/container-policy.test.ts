import { describe, expect, it } from 'vitest'
import { imageRefusal, mountRefusal } from './container-policy.ts'

const open = { mounts: undefined, registries: undefined }
const policy = { mounts: ['/srv', '/mnt/x'], registries: ['ghcr.io'] }

describe('without limits', () => {
  it('any mount and any image passes', () => {
    expect(mountRefusal('/', open)).toBeUndefined()
    for (const image of ['cafe', 'evil.example/a', '???']) expect(imageRefusal(image, open)).toBeUndefined()
  })
})

describe('with limits', () => {
  it('a mount passes below a folder that is allowed, and is refused with what is', () => {
    expect(mountRefusal('/srv/media', policy)).toBeUndefined()
    expect(mountRefusal('/etc', policy)).toBe('mounting /etc is not allowed; HARPOON_ALLOWED_MOUNTS allows /srv, /mnt/x')
    expect(mountRefusal('/etc', { ...policy, mounts: [] })).toBe('mounting /etc is not allowed; HARPOON_ALLOWED_MOUNTS allows nothing')
  })

  it.each(['ghcr.io/a', 'ghcr.io/a/b:1', `ghcr.io/a@sha256:${'00'.repeat(32)}`])('image %s passes', (image) => {
    expect(imageRefusal(image, policy)).toBeUndefined()
  })

  it.each([
    ['evil.example/a', /^images of evil\.example are not allowed; HARPOON_ALLOWED_REGISTRIES allows ghcr\.io$/],
    ['nginx', /^images of docker\.io\/library\/nginx are not allowed/],
    ['ghcr.io@evil.example/a', /^this is no image reference/],
    ['sha256:00ff', /^an image without its registry is not allowed/],
    ['cafe', /^an image without its registry is not allowed/],
    ['00ff00ff00ff', /^an image without its registry is not allowed/],
  ])('image %s is refused', (image, reason) => {
    expect(imageRefusal(image, policy)).toMatch(reason)
  })

  it('an id is refused even where the registry of a bare name is allowed', () => {
    expect(imageRefusal('cafe', { ...policy, registries: ['docker.io'] })).toMatch(/^an image without its registry/)
    expect(imageRefusal('nginx', { ...policy, registries: ['docker.io'] })).toBeUndefined()
  })
})
