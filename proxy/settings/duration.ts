const unitMs = { us: 0.001, ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** Node's timers hold 31 bits; HAProxy refuses longer times as well. */
const longestMs = 2 ** 31 - 1

export const durationAccepted = 'a whole number with one of the units us, ms, s, m, h, d (no unit: milliseconds), at most 24d'

/** Reads a time as HAProxy writes it into milliseconds, rounded up; `undefined` when it is none (HaRP contract §1.1). */
export function parseDuration(text: string): number | undefined {
  const parts = /^(\d{1,15})(us|ms|s|m|h|d)?$/.exec(text)
  if (!parts) return undefined
  const unit = (parts[2] ?? 'ms') as keyof typeof unitMs
  const milliseconds = Math.ceil(Number(parts[1]) * unitMs[unit])
  return milliseconds <= longestMs ? milliseconds : undefined
}
