import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { DockerEngine } from '../dockerd.ts'
import { importImage } from '../image-from-files.ts'
import type { FrpVersion } from '../peers/frp.ts'
import { type Base, contentOf } from './bases.ts'
import { type Kind, type KindName, kinds } from './kinds.ts'

/** The frpc that published images have (AppAPI contract §10). */
const frpVersionOfImages: FrpVersion = '0.61.1'

/** What images of one kind may differ in. */
export interface ImageOptions {
  /** The frpc inside, `frpVersionOfImages` unless given. */
  readonly frpVersion?: FrpVersion | undefined
  /** Makes the folder of that ExApp's volume belong to user 1000, as authors of images that do not run as root have to. */
  readonly appId?: string | undefined
}

/** Makes images of ExApps on an engine from files of this machine; each one once. */
export class ExAppImages {
  readonly #engine: DockerEngine
  readonly #label: string
  readonly #made = new Map<string, Promise<string>>()
  /** Builds go one after another: old engines lose layers of builds that run at the same time. */
  #building: Promise<unknown> = Promise.resolve()

  /** `label` (`name=value`) marks the images, and thereby the containers that are made from them. */
  constructor(engine: DockerEngine, label: string) {
    this.#engine = engine
    this.#label = label
  }

  /** The reference of an image of that kind. */
  make(kind: KindName, { frpVersion = frpVersionOfImages, appId }: ImageOptions = {}): Promise<string> {
    const repository = `harpoon-test-${valueOf(this.#label)}/${kind.replaceAll(' ', '-')}`
    return this.#once(`${repository}:frp-${frpVersion}${appId === undefined ? '' : `-${appId}`}`, async (tag) => {
      const { base, ...rest }: Kind = kinds[kind]
      await this.#build(tag, await this.#base(base, frpVersion), { ...rest, lines: [...folderLines(appId), ...(rest.lines ?? [])] })
    })
  }

  #base(base: Base, frpVersion: FrpVersion): Promise<string> {
    return this.#once(`harpoon-test-${valueOf(this.#label)}/base-${base}:frp-${frpVersion}`, async (tag) => {
      const { changes = [], ...content } = await contentOf(base, frpVersion)
      await importImage(this.#engine, tag, { ...content, changes: [...changes, `LABEL ${this.#label}`] })
    })
  }

  async #build(tag: string, base: string, { lines = [], texts = {}, programs = {} }: Omit<Kind, 'base'>): Promise<void> {
    const folder = await mkdtemp(path.join(tmpdir(), 'harpoon-exapp-image-'))
    try {
      await mkdir(path.join(folder, 'root'))
      await mkdir(path.join(folder, 'empty'))
      const place = async (name: string): Promise<string> => {
        const target = path.join(folder, 'root', name)
        await mkdir(path.dirname(target), { recursive: true })
        return target
      }
      for (const [name, text] of Object.entries(texts)) await writeFile(await place(name), text)
      for (const [name, file] of Object.entries(programs)) await cp(path.join(import.meta.dirname, file), await place(name))
      await writeFile(path.join(folder, 'Dockerfile'), [`FROM ${base}`, 'COPY root/ /', ...lines].join('\n'))
      const build = this.#building.then(() => this.#engine.docker(['build', '--quiet', '--tag', tag, folder]))
      this.#building = build.catch(() => {}) // told to whoever wanted it
      await build
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  }

  #once(tag: string, make: (tag: string) => Promise<void>): Promise<string> {
    const made = this.#made.get(tag) ?? make(tag).then(() => tag)
    this.#made.set(tag, made)
    return made
  }
}

const folderLines = (appId: string | undefined): readonly string[] =>
  appId === undefined ? [] : [`COPY --chown=1000:1000 empty/ /nc_app_${appId}_data/`]

function valueOf(label: string): string {
  return label.slice(label.indexOf('=') + 1)
}
