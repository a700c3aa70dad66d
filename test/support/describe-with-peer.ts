import { afterAll, beforeAll, beforeEach, describe } from 'vitest'
import { MissingPeer } from './peers/missing.ts'
import { noteMissing } from './peers/missing-notes.ts'

/** Room for an install and a cold build, on a machine where others build too. */
const PEER_TIMEOUT_MS = 15 * 60_000

/** A peer that a machine may lack: how to bring it, and how to end it. */
export interface PeerSource<T> {
  readonly name: string
  /** @throws MissingPeer where it cannot be had */
  readonly ensure: () => Promise<T>
  readonly stop?: (peer: T) => Promise<void>
}

/** What the body of `describeWithPeer` gets. */
export interface Peer<T> {
  /** The peer itself, inside tests and hooks. */
  readonly current: () => T
  /** A `beforeAll` that runs when the peer is there. */
  readonly prepare: (hook: (peer: T) => Promise<void>, timeoutMs?: number) => void
  /** An `afterAll` that runs when the peer is there, before it is stopped. */
  readonly finish: (hook: (peer: T) => Promise<void>) => void
}

/**
 * A suite that needs a real peer. Where it cannot be had, every test of the suite is skipped with the reason as its
 * note, and the whole run ends by naming it; in CI it fails instead.
 */
export function describeWithPeer<T>(title: string, { name, ensure, stop }: PeerSource<T>, body: (peer: Peer<T>) => void): void {
  describe(`${title} (with ${name})`, () => {
    let peer: { readonly value: T } | { readonly missing: string } | undefined

    beforeAll(async () => {
      try {
        peer = { value: await ensure() }
      } catch (error) {
        if (!(error instanceof MissingPeer) || process.env.CI) throw error
        peer = { missing: error.message }
        await noteMissing(`${title}: ${error.message}`)
      }
    }, PEER_TIMEOUT_MS)

    beforeEach((context) => {
      if (peer && 'missing' in peer) context.skip(peer.missing)
    })

    afterAll(async () => {
      if (peer && 'value' in peer) await stop?.(peer.value)
    })

    body({
      current: () => {
        if (!peer || !('value' in peer)) throw new Error(`${title}: asked for its peer outside a test or hook`)
        return peer.value
      },
      prepare: (hook, timeoutMs = PEER_TIMEOUT_MS) => {
        beforeAll(async () => {
          if (peer && 'value' in peer) await hook(peer.value)
        }, timeoutMs)
      },
      finish: (hook) => {
        afterAll(async () => {
          if (peer && 'value' in peer) await hook(peer.value)
        })
      },
    })
  })
}
