import type { KubernetesObject } from './resources.ts'

/** What went wrong between us and the API server. */
export abstract class ClusterError extends Error {
  override readonly name: string = 'ClusterError'
}

/** The API server refused; `reason` is its own word, such as `NotFound` or `Conflict`. */
export class ApiRefusal extends ClusterError {
  override readonly name = 'ApiRefusal'
  readonly status: number
  readonly reason: string

  constructor(facts: { readonly status: number; readonly reason: string; readonly message: string }) {
    super(facts.message)
    this.status = facts.status
    this.reason = facts.reason
  }
}

/** The API server did not answer, or not in time. */
export class ApiUnreachable extends ClusterError {
  override readonly name = 'ApiUnreachable'
}

/** What came is no answer of an API server. */
export class ApiGarbage extends ClusterError {
  override readonly name = 'ApiGarbage'
}

/** An object of the name that a child needs is there and is not ours: it is left alone. */
export class NameTaken extends ClusterError {
  override readonly name = 'NameTaken'

  constructor(child: KubernetesObject, owner: KubernetesObject) {
    super(`${child.kind} ${child.metadata.name} exists already and does not belong to ${owner.kind} ${owner.metadata.name}: rename one of them, or delete the ${child.kind}`)
  }
}

export const isNotFound = (error: unknown): boolean => error instanceof ApiRefusal && error.status === 404

/** What an admin has to mend: an object may not be as it should be, or its name is taken. Everything else passes by itself. */
export const isRefusal = (error: unknown): error is ClusterError =>
  error instanceof NameTaken || (error instanceof ApiRefusal && [400, 403, 422].includes(error.status))

/** Somebody else wrote first, or made an object of that name first. */
export const isConflict = (error: unknown): boolean => error instanceof ApiRefusal && error.status === 409

/** The object as it would be is not allowed. */
export const isInvalid = (error: unknown): boolean => error instanceof ApiRefusal && error.status === 422

/** A watch asked for changes since a time that the API server has forgotten. */
export const isGone = (error: unknown): boolean => error instanceof ApiRefusal && error.status === 410
