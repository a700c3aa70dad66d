import type { IAsyncProperty } from 'fast-check'

/** What a run of a property may be told. */
export interface PropertyOptions {
  /** Where a counterexample of commands is, as fast-check printed it. */
  readonly replayPath?: string | undefined
}

/** A property that is being tried. */
export interface PropertyOnTrial extends AsyncDisposable {
  readonly property: IAsyncProperty<never> | IAsyncProperty<unknown>
}

/** Something that holds whatever a peer does: tried a few times with every `npm test`, and for as long as one likes with `npm run fuzz`. */
export interface FuzzProperty {
  readonly name: string
  /** A sentence. */
  readonly claim: string
  /** Starts what it needs. */
  start(options: PropertyOptions): Promise<PropertyOnTrial>
}

/** For what needs nothing started. */
export function pureProperty(name: string, claim: string, make: (options: PropertyOptions) => PropertyOnTrial['property']): FuzzProperty {
  return { name, claim, start: async (options) => ({ property: make(options), [Symbol.asyncDispose]: async () => {} }) }
}
