import path from 'node:path'
import type { ImageContent } from '../image-from-files.ts'
import { ensureDebianProgram } from '../peers/debian.ts'
import { requireProgram } from '../peers/find-program.ts'
import { ensureFrp } from '../peers/frp.ts'
import type { FrpVersion } from '../peers/frp.ts'
import { run } from '../peers/run.ts'
import { ensureExAppProgram } from './program.ts'

/** The file systems that the images are made of. */
export type Base = 'debian-like' | 'busybox-like' | 'bare'

/** What Debian's update-ca-certificates runs, besides the shell. */
const DEBIAN_TOOLS = [
  'cat', 'rm', 'mktemp', 'basename', 'sed', 'readlink', 'ln', 'find', 'sort', 'wc', 'openssl', 'chmod', 'mv', 'mkdir', 'test', 'sleep',
]

const COMMAND_TIMEOUT_MS = 60_000

const started = ['ENV PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'ENTRYPOINT ["/usr/local/bin/start.sh"]', 'CMD ["exapp"]']

/** What a base consists of; `frpVersion` is the frpc that its ExApps dial in with. @throws MissingPeer */
export async function contentOf(base: Base, frpVersion: FrpVersion): Promise<ImageContent> {
  const [exapp, { frpc }] = await Promise.all([ensureExAppProgram(), ensureFrp(frpVersion)])
  const own = { '/usr/local/bin/exapp': exapp, '/usr/local/bin/frpc': frpc }
  const startScript = { '/usr/local/bin/start.sh': path.join(import.meta.dirname, 'start.sh') }
  switch (base) {
    case 'bare':
      return { programs: own, changes: ['ENTRYPOINT ["/usr/local/bin/exapp"]', 'CMD ["dial"]'] }
    case 'debian-like':
      return {
        programs: { ...own, '/bin/sh': requireProgram('sh'), ...(await debianTools()) },
        files: startScript,
        texts: { '/usr/lib/os-release': osRelease('debian', 'Debian GNU/Linux 12 (bookworm)'), '/etc/ca-certificates.conf': '# nothing\n' },
        links: { '/etc/os-release': '../usr/lib/os-release' }, // as Debian has it
        changes: started,
      }
    case 'busybox-like':
      return {
        programs: { ...own, '/bin/busybox': await ensureBusybox() },
        files: { ...startScript, '/usr/sbin/update-ca-certificates': path.join(import.meta.dirname, 'trust.sh') },
        links: await busyboxLinks(),
        texts: { '/etc/os-release': osRelease('alpine', 'Alpine Linux v3.21') },
        changes: started,
      }
  }
}

/** Of a distribution: what `install_certificates` looks at to find out which trust command there is. */
export function osRelease(id: string, name: string): string {
  return `NAME="${name}"\nID=${id}\nPRETTY_NAME="${name}"\n`
}

async function debianTools(): Promise<Record<string, string>> {
  const trust = await ensureDebianProgram('update-ca-certificates', 'ca-certificates', 'the Debian-like test image')
  await ensureDebianProgram('openssl', 'openssl', 'the Debian-like test image')
  const tools = DEBIAN_TOOLS.map((tool) => [`/usr/bin/${tool}`, requireProgram(tool)])
  return { '/usr/sbin/update-ca-certificates': trust, ...Object.fromEntries(tools) }
}

function ensureBusybox(): Promise<string> {
  return ensureDebianProgram('busybox', 'busybox-static', 'the busybox-like test image')
}

async function busyboxLinks(): Promise<Record<string, string>> {
  const applets = (await run({ program: await ensureBusybox(), args: ['--list'] }, COMMAND_TIMEOUT_MS)).split('\n')
  return Object.fromEntries(applets.filter((name) => name && name !== 'busybox').map((name) => [`/bin/${name}`, 'busybox']))
}
