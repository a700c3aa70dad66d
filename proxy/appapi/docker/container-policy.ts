import { type ImageReference, mayBeImageId, parseImageReference } from './image-reference.ts'
import { isBelow } from '../../settings/allowed-mounts.ts'
import { isFromRegistry } from '../../settings/allowed-registries.ts'

/** What the admin lets containers have; `undefined`: anything. Changes while running. */
export interface ContainerPolicy {
  readonly mounts: readonly string[] | undefined
  readonly registries: readonly string[] | undefined
}

/** Why a folder of the engine may not be mounted; `undefined`: it may. */
export function mountRefusal(source: string, { mounts }: ContainerPolicy): string | undefined {
  if (mounts === undefined || isBelow(source, mounts)) return undefined
  return `mounting ${source} is not allowed; HARPOON_ALLOWED_MOUNTS allows ${mounts.length === 0 ? 'nothing' : mounts.join(', ')}`
}

/** Why an image may not be used; `undefined`: it may. */
export function imageRefusal(image: string, { registries }: ContainerPolicy): string | undefined {
  if (registries === undefined) return undefined
  // An engine would take it for an id as well, whatever registry the image with that id came from.
  if (mayBeImageId(image)) return `an image without its registry is not allowed; HARPOON_ALLOWED_REGISTRIES allows ${registries.join(', ')}`
  const reference = parseImageReference(image)
  if (!reference) return 'this is no image reference; accepted: registry/name:tag'
  if (isFromRegistry(reference, registries)) return undefined
  return `images of ${placeOf(reference)} are not allowed; HARPOON_ALLOWED_REGISTRIES allows ${registries.join(', ')}`
}

/** Docker Hub is everybody's: there the path counts. */
const placeOf = ({ registry, repository }: ImageReference): string => (registry === 'docker.io' ? `${registry}/${repository}` : registry)
