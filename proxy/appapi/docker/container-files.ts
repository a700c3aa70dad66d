import { z } from 'zod'
import { statusText } from './engine-answer.ts'
import type { EngineClient } from './engine-client.ts'
import { EngineRefusalError } from './errors.ts'
import { firstFileIn, tarOf, type TarEntry } from './tar.ts'

/** Links that lead from one path to a file; more are a circle. */
const maxLinks = 5

/** The header is base64 of JSON; Go's file mode has this bit for a link. */
const linkBit = 0x0800_0000
const statSchema = z.object({ mode: z.number(), linkTarget: z.string().default('') })

export interface ContainerFilesOptions {
  readonly engine: EngineClient
  /** The container's name. */
  readonly name: string
  /** Of one request, in milliseconds; read at each use. */
  readonly limitMs: () => number
  /** Wall clock in milliseconds. */
  readonly now: () => number
}

/**
 * The files of a container through the engine's archive API (HaRP contract §6.4.4): it needs no program inside, no user and no
 * running process. Throws what the engine client throws, and `EngineRefusalError`.
 */
export class ContainerFiles {
  readonly #options: ContainerFilesOptions

  constructor(options: ContainerFilesOptions) {
    this.#options = options
  }

  async exists(path: string): Promise<boolean> {
    return (await this.#resolve(path)) !== undefined
  }

  /** What a file says and where it really lies; `undefined` when there is none. */
  async read(path: string): Promise<{ readonly path: string; readonly content: Buffer } | undefined> {
    const { engine, name, limitMs } = this.#options
    const file = await this.#resolve(path)
    if (file === undefined) return undefined
    const answer = await engine.call({ method: 'GET', path: `/containers/${name}/archive`, query: { path: file }, limitMs: limitMs() })
    if (answer.status === 404) return undefined
    if (answer.status !== 200) throw new EngineRefusalError(`Failed to read a file of container '${name}': ${statusText(answer)}`)
    const content = firstFileIn(answer.body)
    return content && { path: file, content }
  }

  /** Writes files under absolute paths, all in one archive; folders that are missing are made. */
  async write(files: Readonly<Record<string, string | Buffer>>): Promise<void> {
    const { engine, name, limitMs, now } = this.#options
    const entries: TarEntry[] = Object.entries(files).map(([path, content]) => ({ name: path.replace(/^\//, ''), content }))
    // Folders are left to the engine: an entry for one would take the place of a link, or change the owner of what is there.
    const body = tarOf(entries, now())
    const answer = await engine.call({ method: 'PUT', path: `/containers/${name}/archive`, query: { path: '/' }, body, limitMs: limitMs() })
    if (answer.status !== 200) throw new EngineRefusalError(`Failed to copy files into container '${name}': ${statusText(answer)}`)
  }

  /** Follows links as the container would; engines do so only on the way to the last name. */
  async #resolve(path: string): Promise<string | undefined> {
    const { engine, name, limitMs } = this.#options
    let file = path
    for (let links = 0; links <= maxLinks; links += 1) {
      const { status, headers } = await engine.call({ method: 'HEAD', path: `/containers/${name}/archive`, query: { path: file }, limitMs: limitMs() })
      if (status === 404) return undefined
      if (status !== 200) throw new EngineRefusalError(`Failed to look into container '${name}': Status ${status}`)
      const stat = readStat(headers['x-docker-container-path-stat'])
      if (!stat || (stat.mode & linkBit) === 0 || stat.linkTarget === '' || stat.linkTarget === file) return file
      file = stat.linkTarget
    }
    return undefined
  }
}

function readStat(header: string | string[] | undefined): z.output<typeof statSchema> | undefined {
  try {
    return statSchema.safeParse(JSON.parse(Buffer.from(String(header ?? ''), 'base64').toString('utf8'))).data
  } catch {
    return undefined // then it is taken for what it is called
  }
}
