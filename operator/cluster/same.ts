import { isDeepStrictEqual } from 'node:util'

/** Whether two statuses say the same, fields that are `undefined` being absent as in JSON. */
export const isSame = (one: unknown, other: unknown): boolean => isDeepStrictEqual(asJson(one), asJson(other))

const asJson = (value: unknown): unknown => JSON.parse(JSON.stringify(value ?? {}))
