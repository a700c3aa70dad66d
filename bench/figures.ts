/** Everything that is measured, with how it is shown: fraction digits, and the unit behind the number. */
const shown = {
  cpuPer10000: [2, ' CPU s per 10,000'],
  cpuPerGib: [2, ' CPU s per GiB'],
  perSecond: [0, '/s'],
  mibPerSecond: [0, ' MiB/s'],
  p50Ms: [1, ' ms p50'],
  p99Ms: [1, ' ms p99'],
  kibEach: [0, ' KiB each'],
  idleCpuPercent: [2, ' % CPU idle'],
  secondsToServe: [2, ' s'],
  rssBeforeMib: [0, ' MiB RSS before'],
  rssPeakMib: [0, ' MiB RSS peak'],
  rssGrowthMib: [0, ' MiB more RSS'],
  callsPerExpiry: [1, ' Nextcloud calls per expiry'],
  opened: [0, ' opened'],
} as const satisfies Record<string, readonly [number, string]>

/** The name of something measured; the unit is in it or said above. */
export type Figure = keyof typeof shown

/** What one measurement of one contestant gave. */
export type Figures = Readonly<Partial<Record<Figure, number>>>

/** All measurements of one contestant in one row, one per round. */
export interface Measured {
  readonly contestant: string
  readonly rounds: readonly Figures[]
}

/** The number with its unit, as it stands in the table. */
export function show(figure: Figure, value: number): string {
  const [digits, unit] = shown[figure]
  return `${value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits })}${unit}`
}
