export const allowedRegistriesAccepted =
  'registries separated by commas, such as ghcr.io, registry.example.org:5000 or docker.io/nextcloud'

const registry = /^(?:[a-z\d](?:[a-z\d.-]*[a-z\d])?|\[[a-f\d:]+\])(?::\d{1,5})?(?:\/[a-z\d]+(?:[._-]+[a-z\d]+)*)*$/

/** Reads a comma-separated list of registries, each with or without the beginning of a path. `undefined` when an item is none. */
export function parseAllowedRegistries(text: string): readonly string[] | undefined {
  const items = text.split(',').map((item) => item.trim().toLowerCase().replace(/\/$/, ''))
  return items.every((item) => registry.test(item) && isHost(item.split('/', 1)[0] ?? '')) ? items : undefined
}

/** As in an image reference: without a dot or a port it would be the name of a user of docker.io. */
const isHost = (text: string): boolean => /[.:]/.test(text) || text === 'localhost'

/** Whether an image comes from one of these: whole parts of its path count, so `ghcr.io/next` does not stand for `ghcr.io/nextcloud`. */
export function isFromRegistry(image: { readonly registry: string; readonly repository: string }, allowed: readonly string[]): boolean {
  const name = `${image.registry.toLowerCase()}/${image.repository}`
  return allowed.some((prefix) => name.startsWith(`${prefix}/`))
}
