import { existsSync } from 'node:fs'
import { chmod, cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { DockerEngine } from './dockerd.ts'
import { run } from './peers/run.ts'

/** What an image is made of; no registry is asked. */
export interface ImageContent {
  /** Path in the image → program on this machine, which comes with the shared libraries that it loads. */
  readonly programs: Readonly<Record<string, string>>
  /** Path in the image → file or folder on this machine. */
  readonly files?: Readonly<Record<string, string>>
  /** Path in the image → text. */
  readonly texts?: Readonly<Record<string, string>>
  /** Path in the image → what it points to. */
  readonly links?: Readonly<Record<string, string>>
  /** Lines as in a Dockerfile, such as `ENV NAME=value`. */
  readonly changes?: readonly string[]
}

const COMMAND_TIMEOUT_MS = 60_000

/** Where an image has the certificate authorities that this machine trusts, if it keeps them in such a file itself. */
export const AUTHORITIES_IN_IMAGE = '/etc/ssl/certs/ca-certificates.crt'

const AUTHORITIES = process.env.SSL_CERT_FILE ?? AUTHORITIES_IN_IMAGE

/** Makes an image named `tag` with an unprivileged user (1000), certificate authorities and /tmp. */
export async function importImage(engine: DockerEngine, tag: string, content: ImageContent): Promise<void> {
  const folder = await mkdtemp(path.join(tmpdir(), 'harpoon-image-'))
  try {
    const root = path.join(folder, 'root')
    await fill(root, content)
    const archive = path.join(folder, 'image.tar')
    await run({ program: 'tar', args: ['--owner=0', '--group=0', '--numeric-owner', '-C', root, '-cf', archive, '.'] }, COMMAND_TIMEOUT_MS)
    const changes = (content.changes ?? []).flatMap((change) => ['--change', change])
    await engine.docker(['import', ...changes, archive, tag])
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function fill(root: string, { programs, files = {}, texts = {}, links = {} }: ImageContent): Promise<void> {
  const inImage = async (name: string): Promise<string> => {
    const target = path.join(root, name)
    await mkdir(path.dirname(target), { recursive: true })
    return target
  }
  await mkdir(path.join(root, 'tmp'), { recursive: true })
  await chmod(path.join(root, 'tmp'), 0o1777)
  const standard = {
    '/etc/passwd': 'root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:user:/tmp:/bin/sh\n',
    '/etc/group': 'root:x:0:\nuser:x:1000:\n',
    '/etc/nsswitch.conf': 'hosts: files dns\n',
  }
  for (const [name, text] of Object.entries({ ...standard, ...texts })) await writeFile(await inImage(name), text)
  const copies = { ...(existsSync(AUTHORITIES) && { [AUTHORITIES_IN_IMAGE]: AUTHORITIES }), ...files, ...programs }
  for (const [name, source] of Object.entries(copies)) await cp(source, await inImage(name), { recursive: true, dereference: true })
  for (const library of await librariesOf(Object.values(programs))) await cp(library, await inImage(library), { dereference: true })
  for (const [name, target] of Object.entries(links)) await symlink(target, await inImage(name))
}

/** The shared libraries that the programs load, by ldd; scripts and static programs have none. */
async function librariesOf(programs: readonly string[]): Promise<Set<string>> {
  const libraries = new Set<string>()
  for (const program of programs) {
    const listing = await run({ program: 'ldd', args: [program] }, COMMAND_TIMEOUT_MS).catch(() => '')
    for (const [library] of listing.matchAll(/\/\S+/g)) if (!library.endsWith(':')) libraries.add(library)
  }
  return libraries
}
