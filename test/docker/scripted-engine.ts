import type { EngineStage } from './engine-stage.ts'
import { type StandInEngine, startStandInEngine } from './stand-in-engine.ts'

/** What an engine answers to one call. */
export interface EngineSays {
  readonly status: number
  /** An object is sent as JSON. */
  readonly body?: unknown
}

/** Calls of an engine, such as `GET /containers/nc_app_x/json` without API version and query, and its answers. */
export type EngineScript = Readonly<Record<string, EngineSays>>

/** An engine that answers what it is told to, and 404 to the rest. */
export interface ScriptedEngine extends StandInEngine {
  say(script: EngineScript): void
  /** What it was asked since the last `say`, in the notation of a script. */
  readonly asked: readonly string[]
}

/** Starts one behind the stage's socket of that name; it ends with the stage. */
export async function startScriptedEngine(stage: EngineStage, socketName = 'docker.sock'): Promise<ScriptedEngine> {
  let script: EngineScript = {}
  let asked: string[] = []
  const engine = await startStandInEngine(stage.socket(socketName), {
    answer: (incoming, reply) => {
      const call = `${incoming.method} ${(incoming.url ?? '').split('?')[0]?.replace(/^\/v[0-9.]+(?=\/)/, '')}`
      asked.push(call)
      const { status, body } = script[call] ?? { status: 404, body: { message: 'no such thing' } }
      incoming.resume()
      reply.writeHead(status, { 'content-type': 'application/json' })
      reply.end(body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body))
    },
  })
  stage.alsoClose(() => engine.close())
  return {
    ...engine,
    say: (next) => {
      script = next
      asked = []
    },
    get asked() {
      return asked
    },
  }
}
