import type { z } from 'zod'
import type { EngineClient } from './engine-client.ts'
import type { ExAppNames, namesSchema } from './names.ts'

/** One call of AppAPI, checked, with the engine that it is for. */
export interface ExAppCall<Body> {
  readonly engine: EngineClient
  readonly body: Body
  /** Aborted when the caller has gone: for work that nobody needs then, and for what it could not be told. */
  readonly signal: AbortSignal
}

/** What is answered; text stays text, objects become JSON. */
export interface Reply {
  readonly status: 200 | 201 | 204
  readonly body?: string | object
}

/** One of `/docker/exapp/…` (HaRP contract §6.4). `run` throws a `RequestError` for every other answer. */
export interface Endpoint<Body> {
  readonly name: string
  /** Of one request to the engine, in milliseconds, finding out whether it is there included (HaRP contract §6.4). */
  readonly limitMs: number
  readonly schema: z.ZodType<Body>
  readonly run: (call: ExAppCall<Body>) => Promise<Reply>
  /** Whose turn it takes; left out: it changes nothing that another call could be in the middle of. */
  readonly turn?: (body: Body) => string
  /** Of the body; default: HaRP's for the control API. */
  readonly maxBodyBytes?: number
}

export type NamedBody = z.output<typeof namesSchema>

/** A container of an engine, as a key. */
export const containerKey = (engine: EngineClient, names: ExAppNames): string => `${engine.name} ${names.container}`
