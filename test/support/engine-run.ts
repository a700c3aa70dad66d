import { randomBytes } from 'node:crypto'
import type { DockerEngine } from './dockerd.ts'
import { ExAppImages } from './exapp-image/load.ts'
import { acquireLock } from './peers/lock.ts'

/** What a test run makes on an engine carries its id: in a label, or where there is none, in the name. */
export interface EngineRun {
  /** Begins app ids, network names and image names of this run. */
  readonly id: string
  /** `name=value`, for images: containers that are made from them have it too. */
  readonly label: string
  readonly images: ExAppImages
  /** An app id that no other run uses. */
  appId(name: string): string
  /** Makes a network of containers that lasts as long as the run. */
  network(name: string): Promise<string>
  /** Removes the containers, volumes, networks and images of this run. */
  close(): Promise<void>
}

const LABEL = 'dev.harpoon.test'

/** So long that nobody else's names have it by chance. */
const ID_PREFIX = 'harpoontest'

/** Begins a run on an engine; what a killed run left there is removed first. */
export async function beginEngineRun(engine: DockerEngine): Promise<EngineRun> {
  const id = `${ID_PREFIX}${randomBytes(4).toString('hex')}`
  const lock = await acquireLock(lockOf(id), 0)
  await removeAbandoned(engine)
  const label = `${LABEL}=${id}`
  return {
    id,
    label,
    images: new ExAppImages(engine, label),
    appId: (name) => `${id}_${name}`,
    network: async (name) => {
      await engine.docker(['network', 'create', '--label', `${LABEL}=${id}`, `${id}_${name}`])
      return `${id}_${name}`
    },
    close: async () => {
      await removeTraces(engine, id)
      lock.release()
    },
  }
}

/** The lock of a run is free once its process is gone, however it went. */
const lockOf = (id: string): string => `engine-run-${id}`

async function removeAbandoned(engine: DockerEngine): Promise<void> {
  for (const id of await runsOn(engine)) {
    const lock = await acquireLock(lockOf(id), 0).catch(() => undefined)
    if (lock) await removeTraces(engine, id)
    lock?.release()
  }
}

async function runsOn({ docker }: DockerEngine): Promise<Set<string>> {
  const texts = await Promise.all([
    docker(['ps', '--all', '--format', `{{.Names}} {{.Label "${LABEL}"}}`]),
    docker(['volume', 'ls', '--format', '{{.Name}}']),
    docker(['network', 'ls', '--format', '{{.Name}}']),
    docker(['image', 'ls', '--format', '{{.Repository}}']),
  ])
  return new Set(texts.join('\n').match(new RegExp(`${ID_PREFIX}[0-9a-f]{8}`, 'g')))
}

async function removeTraces({ docker }: DockerEngine, id: string): Promise<void> {
  const list = async (args: readonly string[]): Promise<string[]> => [...new Set((await docker(args)).split('\n').filter(Boolean))]
  const containers = [
    ...(await list(['ps', '--all', '--quiet', '--filter', `label=${LABEL}=${id}`])),
    ...(await list(['ps', '--all', '--quiet', '--filter', `name=${id}`])),
  ]
  if (containers.length > 0) await docker(['rm', '--force', '--volumes', ...new Set(containers)])
  const volumes = await list(['volume', 'ls', '--quiet', '--filter', `name=${id}`])
  if (volumes.length > 0) await docker(['volume', 'rm', '--force', ...volumes])
  const networks = await list(['network', 'ls', '--quiet', '--filter', `label=${LABEL}=${id}`])
  if (networks.length > 0) await docker(['network', 'rm', ...networks])
  const images = (await list(['image', 'ls', '--format', '{{.Repository}}:{{.Tag}}', '--filter', `label=${LABEL}=${id}`])).filter((tag) => !tag.includes('<none>'))
  if (images.length > 0) await docker(['image', 'rm', '--force', ...images])
}
