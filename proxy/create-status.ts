import packageJson from '../package.json' with { type: 'json' }
import type { EngineStates } from './appapi/engine-states.ts'
import type { AppApiSeen } from './appapi/seen.ts'
import type { LiveSettings } from './live-settings.ts'
import type { Probe } from './nextcloud/probe.ts'
import type { ProxyStatus } from './status.ts'

export interface StatusDeps {
  readonly settings: LiveSettings
  readonly probe: Probe
  readonly engines: EngineStates
  readonly seen: AppApiSeen
}

const asTime = (milliseconds: number | undefined): string | undefined => (milliseconds === undefined ? undefined : new Date(milliseconds).toISOString())

/** Gathers what `/status` says. */
export const createStatus =
  ({ settings, probe, engines, seen }: StatusDeps) =>
  async (): Promise<ProxyStatus> => ({
    version: packageJson.version,
    nextcloud: await probe.ask(),
    appApi: { lastSeen: asTime(seen.lastSeen), wrongKeySeen: asTime(seen.wrongKeySeen) },
    settingsProblem: settings.problem,
    engines: [...engines.list()],
  })
