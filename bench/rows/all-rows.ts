import type { Row } from '../row.ts'
import { growthRows } from './growth.ts'
import { idleRows } from './idle.ts'
import { latencyRows } from './latency.ts'
import { requestRows } from './requests.ts'
import { restartRows } from './restart.ts'
import { transferRows } from './transfers.ts'
import { webSocketRows } from './web-sockets.ts'

/** Every line of the table, in its order. */
export const allRows: readonly Row[] = [...requestRows, ...transferRows, ...webSocketRows, ...latencyRows, ...idleRows, ...restartRows, ...growthRows]
