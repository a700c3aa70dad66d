/** An image's name as Docker reads it. */
export interface ImageReference {
  /** Host and port of the registry; `docker.io` where none is written. */
  readonly registry: string
  /** The path on that registry; `library/` before the bare names of docker.io. */
  readonly repository: string
  readonly tag: string | undefined
  readonly digest: string | undefined
}

/** Docker's limit for registry and repository together (its reference grammar). */
const maxNameLength = 255

/** Longer texts are not looked at: a name, a tag (128) and a digest end before. */
const maxReferenceLength = 600

const host = /^(?:(?:[a-z\d]|[a-z\d][a-z\d-]*[a-z\d])(?:\.(?:[a-z\d]|[a-z\d][a-z\d-]*[a-z\d]))*|\[[a-f\d:]+\])(?::\d{1,5})?$/i
const pathPart = /^[a-z\d]+(?:(?:[._]|__|-+)[a-z\d]+)*$/
const tagPattern = /^\w[\w.-]{0,127}$/
const digestPattern = /^[a-z][a-z\d]*(?:[-_+.][a-z][a-z\d]*)*:[a-f\d]{32,128}$/i

const dockerHub = 'docker.io'

/** Docker Hub's older name, which engines replace. */
const dockerHubIndex = 'index.docker.io'

/**
 * Reads an image reference as engines do: `nginx` is `docker.io/library/nginx`, a first part with a dot, a port or capitals is a
 * registry. `undefined` when it is none.
 */
export function parseImageReference(text: string): ImageReference | undefined {
  if (text.length > maxReferenceLength) return undefined
  const [named = '', digest, ...more] = text.split('@')
  if (more.length > 0 || (digest !== undefined && !digestPattern.test(digest))) return undefined
  const colon = named.indexOf(':', named.lastIndexOf('/') + 1)
  const tag = colon < 0 ? undefined : named.slice(colon + 1)
  if (tag !== undefined && !tagPattern.test(tag)) return undefined
  const name = splitRegistry(colon < 0 ? named : named.slice(0, colon))
  return isName(name) ? { ...name, tag, digest } : undefined
}

interface Name {
  readonly registry: string
  readonly repository: string
}

function splitRegistry(name: string): Name {
  const slash = name.indexOf('/')
  const first = name.slice(0, Math.max(0, slash))
  const isHost = slash > 0 && (/[.:]/.test(first) || first === 'localhost' || first.toLowerCase() !== first)
  const registry = !isHost || first === dockerHubIndex ? dockerHub : first
  const rest = isHost ? name.slice(slash + 1) : name
  return { registry, repository: registry === dockerHub && !rest.includes('/') ? `library/${rest}` : rest }
}

const isName = ({ registry, repository }: Name): boolean =>
  host.test(registry) &&
  repository.split('/').every((part) => pathPart.test(part)) &&
  registry.length + 1 + repository.length <= maxNameLength

/** Whether this can stand behind a name as its tag or digest, and for nothing else: some engines join the two and read the whole anew. */
export const isTagOrDigest = (text: string): boolean => tagPattern.test(text) || digestPattern.test(text)

/** Whether an engine may take this for the id of an image, or the beginning of one, instead of a name. */
export const mayBeImageId = (text: string): boolean => /^(?:sha256:)?[a-f\d]{1,64}$/.test(text)
