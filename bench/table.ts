import type { Figure, Figures, Measured } from './figures.ts'
import { show } from './figures.ts'
import type { Row, Target } from './row.ts'
import { bareProxy, bareTunnel, dataPlane } from './row.ts'
import { median } from './statistics.ts'

/** What became of one row. */
export interface RowResult {
  readonly row: Row
  /** Empty when it failed. */
  readonly measured: readonly Measured[]
  readonly failure?: string
}

const heading = ['work', 'to reach', 'reached', dataPlane, bareTunnel, bareProxy, 'HaRP']

/** The Markdown table: medians of the rounds, ratios as medians of the rounds' ratios. */
export function table(results: readonly RowResult[]): string {
  const lines = [heading, heading.map(() => '---'), ...results.map(line)]
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

function line({ row, measured, failure }: RowResult): readonly string[] {
  const targets = row.targets.map((target) => `${describe(target)} ${'atMost' in target ? `≤ ${target.atMost}` : `≥ ${target.atLeast}`}`).join('; ')
  const verdicts = failure === undefined ? row.targets.map((target) => verdict(target, measured)).join('; ') : `not measured: ${failure}`
  const ours = measured.filter(({ contestant }) => contestant !== bareTunnel && contestant !== bareProxy)
  const cell = (name: string): string => shown(measured.find(({ contestant }) => contestant === name))
  const variants = ours.map((variant) => `${ours.length > 1 ? `${variant.contestant}: ` : ''}${shown(variant)}`).join('; ')
  return [row.work, targets, verdicts, variants || '–', cell(bareTunnel), cell(bareProxy), row.harp].map((text) => text.replaceAll('|', '\\|'))
}

function verdict(target: Target, measured: readonly Measured[]): string {
  const value = median(valuesOf(target, measured))
  if (Number.isNaN(value)) return `${describe(target)}: not measured`
  const text = target.to === undefined ? show(target.figure, value) : `${describe(target)} ${value.toFixed(2)}`
  const isReached = 'atMost' in target ? value <= target.atMost : value >= target.atLeast
  return isReached ? text : `**${text}: missed**`
}

/** One value per round: the figure, or its ratio to that of the other in the same round. */
function valuesOf({ figure, of = dataPlane, to }: Target, measured: readonly Measured[]): readonly number[] {
  const rounds = (name: string): readonly Figures[] => measured.find(({ contestant }) => contestant === name)?.rounds ?? []
  const others = to === undefined ? undefined : rounds(to)
  return rounds(of).map((figures, round) => (figures[figure] ?? NaN) / (others ? (others[round]?.[figure] ?? NaN) : 1))
}

const words: Readonly<Partial<Record<Figure, string>>> = {
  cpuPer10000: 'CPU',
  cpuPerGib: 'CPU',
  p99Ms: 'p99',
  kibEach: 'KiB each',
  idleCpuPercent: '% CPU idle',
  secondsToServe: 's',
  rssGrowthMib: 'MiB more RSS',
  callsPerExpiry: 'Nextcloud calls per expiry',
}

function describe({ figure, of }: Target): string {
  return [of, words[figure] ?? figure].filter(Boolean).join(' ')
}

function shown(measured: Measured | undefined): string {
  const [first] = measured?.rounds ?? []
  if (!measured || !first) return '–'
  const figures = Object.keys(first) as Figure[]
  return figures.map((figure) => show(figure, median(measured.rounds.map((round) => round[figure] ?? NaN)))).join(', ')
}
