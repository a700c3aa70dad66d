import { z } from 'zod'
import { type Route, RouteTable } from '../routes/route-table.ts'

/** What Nextcloud knows about one ExApp (HaRP contract §4.1, AppAPI contract §8.1). */
export interface ExApp {
  /** The id as Nextcloud spells it. */
  readonly id: string
  readonly token: string
  readonly version: string
  readonly host: string
  readonly port: number
  /** The address to connect to when it differs from `host`. */
  readonly resolvedHost: string
  readonly routes: RouteTable
  readonly routeCount: number
}

/** Some database drivers give numbers as strings. */
const numeric = z.union([z.number(), z.stringFormat('number', /^\d{1,9}$/).transform(Number)])

/** Also `"1"`, `1.0` and `true`, as HaRP reads them. */
export const accessLevelSchema = z.union([numeric, z.boolean().transform(Number)]).pipe(z.union([z.literal(0), z.literal(1), z.literal(2)]))

/** Rows written before AppAPI 35 may hold strings, an object instead of a list, or nothing. */
const statusesSchema = z
  .union([z.array(z.unknown()), z.record(z.string(), z.unknown()).transform((entries) => Object.values(entries)), z.null().transform(() => [])])
  .transform((values) => values.map((value) => numeric.safeParse(value)).flatMap((read) => (read.success ? [read.data] : [])))
  .default([])

const routeSchema = z
  .object({ url: z.string(), access_level: accessLevelSchema, bruteforce_protection: statusesSchema })
  .transform((route): Route => ({ url: route.url, accessLevel: route.access_level, bruteforceStatuses: route.bruteforce_protection }))

/** The body of `exapp-meta` and of `POST /exapp_storage/{id}`. Unknown fields are ignored: newer peers add some. */
export const exAppSchema = z.object({
  exapp_token: z.string(),
  exapp_version: z.string(),
  host: z.string(),
  port: numeric.pipe(z.number().int()),
  routes: z.array(routeSchema).default([]),
  resolved_host: z.string().default(''),
})

/** Builds the record that requests are decided with; the routes are compiled here, once. */
export function toExApp(id: string, read: z.output<typeof exAppSchema>): ExApp {
  return {
    id,
    token: read.exapp_token,
    version: read.exapp_version,
    host: read.host,
    port: read.port,
    resolvedHost: read.resolved_host,
    routes: new RouteTable(read.routes),
    routeCount: read.routes.length,
  }
}
