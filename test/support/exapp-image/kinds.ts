import type { Base } from './bases.ts'
import { osRelease } from './bases.ts'

/** How an image differs from its base. */
export interface Kind {
  readonly base: Base
  /** Further lines of a Dockerfile. */
  readonly lines?: readonly string[]
  /** Path in the image → text. */
  readonly texts?: Readonly<Record<string, string>>
  /** Path in the image → file of this folder. */
  readonly programs?: Readonly<Record<string, string>>
}

/** The images that ExApps come as: the first ones serve, the last ones go wrong. */
export const kinds = {
  'debian-like': { base: 'debian-like' },
  'alpine-like': { base: 'busybox-like' },
  'non-root': { base: 'debian-like', lines: ['USER 1000'] },
  'no-shell': { base: 'bare' },
  'fedora-like': {
    base: 'busybox-like',
    texts: { '/etc/os-release': osRelease('fedora', 'Fedora Linux 42') },
    programs: { '/usr/bin/update-ca-trust': 'trust.sh' },
  },
  'of an unknown distribution': { base: 'busybox-like', texts: { '/etc/os-release': osRelease('arch', 'Arch Linux') } },
  'with a health check': { base: 'busybox-like', lines: ['HEALTHCHECK --interval=1s --timeout=5s CMD ["exapp", "check"]'] },
  'never healthy': { base: 'busybox-like', lines: ['HEALTHCHECK --interval=1s --start-period=1h CMD ["false"]'] },
  unhealthy: { base: 'busybox-like', lines: ['HEALTHCHECK --interval=1s --retries=1 CMD ["false"]'] },
  'dies at once': { base: 'busybox-like', lines: ['CMD ["exapp", "die"]'] },
} as const satisfies Record<string, Kind>

export type KindName = keyof typeof kinds
