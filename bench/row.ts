import type { Figure, Measured } from './figures.ts'
import type { ServedContestant } from './peers/contestant.ts'
import type { Stage } from './stage.ts'

/** The contestants by their names in tables and files. */
export const dataPlane = 'this data plane'
export const bareTunnel = 'bare tunnel'
export const bareProxy = 'bare proxy'

/** What has to be reached: a bound on a figure. */
export type Target = ({ readonly atMost: number } | { readonly atLeast: number }) & {
  readonly figure: Figure
  /** The figure of this contestant, the data plane unless given … */
  readonly of?: string
  /** … divided by that of this one in the same round; undefined: the figure itself counts. */
  readonly to?: string
}

/** What a row is measured with. */
export interface Bench {
  readonly stage: Stage
  /** Those that most rows compare; started when first asked for. */
  readonly contestants: () => Promise<readonly ServedContestant[]>
  readonly rounds: number
  /** How long one measurement runs under load. */
  readonly seconds: number
  /** How long a contestant may be warmed up before its first round. */
  readonly warmUpSeconds: number
  readonly say: (line: string) => void
}

/** One line of the table. */
export interface Row {
  /** For `--rows`. */
  readonly name: string
  /** What is done, in the words of the table. */
  readonly work: string
  readonly targets: readonly Target[]
  /** HaRP 0.4.4, measured this way on a machine like those of the project: ratio to the bare tunnel, and the figure. */
  readonly harp: string
  /** Belongs to `--quick`. */
  readonly isQuick?: boolean
  readonly measure: (bench: Bench) => Promise<readonly Measured[]>
}

/** CPU per unit of work, compared with the bare tunnel. */
export const cpuTarget = (figure: 'cpuPer10000' | 'cpuPerGib', atMost: number): Target => ({ figure, atMost, to: bareTunnel })
