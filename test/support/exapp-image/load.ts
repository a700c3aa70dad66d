import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { DockerEngine } from '../dockerd.ts'
import { importImage } from '../image-from-files.ts'
import type { FrpVersion } from '../peers/frp.ts'
import { type Base, contentOf } from './bases.ts'
import { type Kind, type KindName, kinds } from './kinds.ts'

/** The frpc that published images have (AppAPI contract §10). */
export const frpVersionOfImages: FrpVersion = '0.61.1'

/** Makes images of ExApps on an engine from files of this machine; each one once. */
export class ExAppImages {
  readonly #engine: DockerEngine
  readonly #label: string
  readonly #made = new Map<string, Promise<string>>()

  /** `label` (`name=value`) marks the images, and thereby the containers that are made from them. */
  constructor(engine: DockerEngine, label: string) {
    this.#engine = engine
    this.#label = label
  }

  /** The reference of an image of that kind; `name` is what stands before the tag, `harpoon-test/<base>` unless given. */
  make(kind: KindName, frpVersion: FrpVersion = frpVersionOfImages): Promise<string> {
    return this.#once(`harpoon-test-${tagOf(this.#label)}/${kind.replaceAll(' ', '-')}:frp-${frpVersion}`, async (tag) => {
      const { base, ...rest }: Kind = kinds[kind]
      await this.#build(tag, await this.#base(base, frpVersion), rest)
    })
  }

  #base(base: Base, frpVersion: FrpVersion): Promise<string> {
    return this.#once(`harpoon-test-${tagOf(this.#label)}/base-${base}:frp-${frpVersion}`, async (tag) => {
      const { changes = [], ...content } = await contentOf(base, frpVersion)
      await importImage(this.#engine, tag, { ...content, changes: [...changes, `LABEL ${this.#label}`] })
    })
  }

  async #build(tag: string, base: string, { lines = [], texts = {}, programs = {} }: Omit<Kind, 'base'>): Promise<void> {
    const folder = await mkdtemp(path.join(tmpdir(), 'harpoon-exapp-image-'))
    try {
      await mkdir(path.join(folder, 'root'))
      const place = async (name: string): Promise<string> => {
        const target = path.join(folder, 'root', name)
        await mkdir(path.dirname(target), { recursive: true })
        return target
      }
      for (const [name, text] of Object.entries(texts)) await writeFile(await place(name), text)
      for (const [name, file] of Object.entries(programs)) await cp(path.join(import.meta.dirname, file), await place(name))
      await writeFile(path.join(folder, 'Dockerfile'), [`FROM ${base}`, 'COPY root/ /', ...lines].join('\n'))
      await this.#engine.docker(['build', '--quiet', '--tag', tag, folder])
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

function tagOf(label: string): string {
  return label.slice(label.indexOf('=') + 1)
}
