/** Python itself refuses the pattern; HaRP skips such a route (contract §3.8). */
export class InvalidPatternError extends Error {}

/** Python accepts the pattern, but it cannot be matched in linear time (look-around, back-references) or exceeds a limit. */
export class UnsupportedPatternError extends Error {}
