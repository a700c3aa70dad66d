import type { FarNetwork } from '../support/network.ts'
import type { ChildProcess } from '../support/peers/child-process.ts'
import { type TransferKind, hashOfContent, transferKinds } from './content.ts'
import type { FaultStage, Service } from './stage.ts'

/** Under load the two seconds of a transfer become several. */
const transferTimeoutMs = 20_000

/** One visitor's transfer, which runs in a process of its own. */
export interface Transfer {
  readonly kind: TransferKind
  /** Ends the path, so that the ExApp's output tells it from others. */
  readonly name: string
  readonly client: ChildProcess
}

let started = 0

/** Which transfers, and where the visitor is, if not on this machine. */
export interface TransferOptions {
  readonly kinds?: readonly TransferKind[]
  readonly network?: FarNetwork
}

/** Starts one transfer of each kind and waits until all are under way. */
export async function startTransfers(stage: FaultStage, { name: appId }: Pick<Service, 'name'>, { kinds = transferKinds, network }: TransferOptions = {}): Promise<readonly Transfer[]> {
  const transfers = await Promise.all(
    kinds.map(async (kind) => {
      const name = `t${++started}`
      return { kind, name, client: await stage.runProgram('client-program.ts', [kind, stage.url(appId, `${kind}/${name}`, network?.nearAddress)], network) }
    }),
  )
  await Promise.all(transfers.map(({ client }) => client.waitForOutput(/under way/, transferTimeoutMs)))
  return transfers
}

/** The outcomes when every byte arrived in its place. */
export const whole: Readonly<Record<TransferKind, string>> = {
  download: `whole ${hashOfContent('download')}`,
  upload: `whole ${hashOfContent('upload')}`,
  websocket: `whole ${hashOfContent('websocket')}`,
  events: `whole ${hashOfContent('events')}`,
}

/** How each transfer ended for its client: `whole <hash>` or `broken <why>`. */
export async function outcomesOf(transfers: readonly Transfer[]): Promise<Readonly<Partial<Record<TransferKind, string>>>> {
  const outcomes = await Promise.all(transfers.map(async ({ kind, client }) => [kind, await client.waitForOutput(/(?:whole|broken) .+/, transferTimeoutMs)]))
  return Object.fromEntries(outcomes)
}

/** Waits until the ExApp has seen every one of them break off, for so long at most. */
export async function expectAbortsSeen(transfers: readonly Transfer[], { program }: Service, withinMs: number): Promise<void> {
  await Promise.all(transfers.map(({ kind, name }) => program.waitForOutput(new RegExp(`${kind} ${name} was aborted`), withinMs)))
}
