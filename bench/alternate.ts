import type { Figures, Measured } from './figures.ts'
import { show } from './figures.ts'
import type { Figure } from './figures.ts'
import type { Bench } from './row.ts'

/** Something that is measured against others. */
export interface Contestant {
  readonly name: string
}

/** What is done to each contestant. */
export interface Procedure<C extends Contestant> {
  readonly warmUp: (contestant: C) => Promise<void>
  readonly measure: (contestant: C, round: number) => Promise<Figures>
}

/**
 * Warms all up, then measures them in turn, so that a machine that gets slower does so for all. Each round begins with
 * another one, so that none is always the first after a pause.
 */
export async function alternate<C extends Contestant>(contestants: readonly C[], { rounds, say }: Bench, { warmUp, measure }: Procedure<C>): Promise<readonly Measured[]> {
  for (const contestant of contestants) await warmUp(contestant)
  const measured = contestants.map((contestant) => ({ contestant: contestant.name, rounds: [] as Figures[] }))
  for (let round = 0; round < rounds; round++) {
    for (const index of contestants.map((_, at) => (at + round) % contestants.length)) {
      const contestant = contestants[index]
      if (!contestant) continue
      const figures = await measure(contestant, round)
      measured[index]?.rounds.push(figures)
      say(`  round ${round + 1}, ${contestant.name}: ${describe(figures)}`)
    }
  }
  return measured
}

function describe(figures: Figures): string {
  return Object.entries(figures).map(([figure, value]) => show(figure as Figure, value)).join(', ')
}
