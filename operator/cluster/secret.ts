import { z } from 'zod'
import type { KubernetesObject } from './resources.ts'

const secretSchema = z.looseObject({ data: z.record(z.string(), z.string()).default({}) })

/** A Secret's entries as texts; empty when there is no Secret. */
export function secretEntries(secret: KubernetesObject | undefined): Readonly<Record<string, string>> {
  if (!secret) return {}
  const { data } = secretSchema.parse(secret)
  return Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(value, 'base64').toString('utf8')]))
}

/** Entries as a Secret holds them. */
export const secretData = (entries: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(entries).map(([key, value]) => [key, Buffer.from(value).toString('base64')]))
