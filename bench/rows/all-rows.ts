import type { Row } from '../row.ts'
import { requestRows } from './requests.ts'
import { transferRows } from './transfers.ts'

/** Every line of the table, in its order. */
export const allRows: readonly Row[] = [...requestRows, ...transferRows]
