import type { z } from 'zod'

/** Problems that are named; AppAPI shows 120 characters of them, and a broken list can have one per item. */
const maxProblems = 5

/** What the body of a control call says, or `undefined` when it is no JSON in UTF-8. Our own error: V8's quotes what it could not read, which may be a secret. */
export function parseJsonBody(body: unknown): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body instanceof Uint8Array ? body : undefined)) }
  } catch {
    return undefined
  }
}

/** Names of fields and what is wrong with them, never a value: it may be a secret. */
export function describeProblems({ issues }: z.ZodError): string {
  const named = issues.slice(0, maxProblems).map((issue) => `${issue.path.join('.') || 'body'}: ${issue.message}`)
  return [...named, ...(issues.length > maxProblems ? [`and ${issues.length - maxProblems} more`] : [])].join('; ')
}
