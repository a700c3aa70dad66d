import { createHash } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import type { DockerEngine } from '../../test/support/dockerd.ts'
import { importImage } from '../../test/support/image-from-files.ts'
import { requireProgram } from '../../test/support/peers/find-program.ts'
import { ensureFrp } from '../../test/support/peers/frp.ts'
import type { FrpVersion } from '../../test/support/peers/frp.ts'

const inRepository = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url))

/** What the ExApp's program reads, as it lies in the repository. */
const sources = ['demo/container/main.ts', 'test/support/exapp.ts', 'test/support/exapp', 'node_modules/ws', 'package.json']

/** Makes the image of the demo's ExApp: this machine's Node, frpc and a shell for the start script, all from files. */
export async function makeExAppImage(engine: DockerEngine, { repository, label, frpVersion }: ImageOptions): Promise<{ name: string; tag: string }> {
  const { frpc } = await ensureFrp(frpVersion)
  const tag = createHash('sha256').update(label).digest('hex').slice(0, 12)
  await importImage(engine, `${repository}:${tag}`, {
    programs: { '/bin/sh': requireProgram('sh'), '/usr/local/bin/node': process.execPath, '/usr/local/bin/frpc': frpc },
    files: {
      '/usr/local/bin/start.sh': inRepository('test/support/exapp-image/start.sh'),
      ...Object.fromEntries(sources.map((path) => [`/app/${path}`, inRepository(path)])),
    },
    changes: [
      'ENV PATH=/usr/local/bin:/bin',
      'ENTRYPOINT ["/usr/local/bin/start.sh"]',
      'CMD ["node", "/app/demo/container/main.ts"]',
      `LABEL ${label}`,
    ],
  })
  return { name: repository, tag }
}

export interface ImageOptions {
  readonly repository: string
  /** Marks the image, and the containers made from it. */
  readonly label: string
  readonly frpVersion: FrpVersion
}
