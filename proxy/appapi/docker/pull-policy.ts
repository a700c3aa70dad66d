import { type ContainerPolicy, imageRefusal } from './container-policy.ts'
import { NotAllowedError } from './errors.ts'
import { isTagOrDigest } from './image-reference.ts'

/** What AppAPI's pull may say besides the image (AppAPI contract §3.1). */
const accepted: ReadonlySet<string> = new Set(['fromImage', 'tag', 'platform'])

const sparse = 'with HARPOON_ALLOWED_REGISTRIES an image is pulled with fromImage, tag and platform in the query, each once, and no body'

/**
 * Whether a raw `images/create` (`query` begins with `?` or is empty) keeps to the registries that are allowed. Throws
 * `NotAllowedError`. Engines read such a call in ways of their own: form fields of a body go before the query, names count
 * without case on Podman, `;` separates fields for older engines, and an import is no pull. So only the plain form passes.
 */
export function checkPull(query: string, hasBody: boolean, policy: ContainerPolicy): void {
  if (policy.registries === undefined) return
  const fields = plainFields(query)
  if (!fields || hasBody || !isTagOrDigest(fields.get('tag') ?? 'latest')) throw new NotAllowedError(sparse)
  const refusal = imageRefusal(fields.get('fromImage') ?? '', policy)
  if (refusal !== undefined) throw new NotAllowedError(refusal)
}

function plainFields(query: string): ReadonlyMap<string, string> | undefined {
  if (query.includes(';')) return undefined
  const pairs = query.replace(/^\?/, '').split('&').filter((pair) => pair !== '').map(decodePair)
  const fields = new Map(pairs.filter((pair) => pair !== undefined))
  const isPlain = fields.size === pairs.length && [...fields.keys()].every((name) => accepted.has(name))
  return isPlain ? fields : undefined
}

/** As Go decodes a query; `undefined` for what it would not. */
function decodePair(pair: string): readonly [string, string] | undefined {
  const [name = '', ...value] = pair.split('=')
  try {
    return [decodeField(name), decodeField(value.join('='))]
  } catch {
    return undefined
  }
}

const decodeField = (text: string): string => decodeURIComponent(text.replaceAll('+', ' '))
