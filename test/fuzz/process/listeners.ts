import * as fc from 'fast-check'
import { cut, cuts } from '../cuts.ts'
import type { FuzzProperty } from '../fuzz-property.ts'
import { type Conversations, frpConversations, http1Conversations, http2Conversations, tlsConversations } from './conversations.ts'
import { DataPlaneOnTrial, type Listener } from './data-plane-on-trial.ts'
import { mutated, mutations } from './mutations.ts'

function listenerProperty(name: string, listeners: readonly Listener[], known: Conversations): FuzzProperty {
  return {
    name,
    claim: `a data plane that hears honest conversations with mistakes in them, or noise, on its ${[...new Set(listeners)].join(' and ')} port goes on as if nothing had been`,
    start: async () => {
      const plane = await DataPlaneOnTrial.start()
      const said = fc.oneof(
        { weight: 8, arbitrary: fc.tuple(fc.constantFrom(...Object.keys(known)), mutations).map(([which, changes]) => mutated(known[which] ?? Buffer.alloc(0), changes)) },
        { weight: 1, arbitrary: fc.uint8Array({ maxLength: 2000 }).map((noise) => Buffer.from(noise)) },
      )
      return {
        property: fc.asyncProperty(fc.constantFrom(...listeners), said, cuts, (listener, bytes, at) => plane.hear(listener, cut(bytes, at))),
        [Symbol.asyncDispose]: () => plane[Symbol.asyncDispose](),
      }
    },
  }
}

export const tunnelPort = listenerProperty('tunnel-port', ['frp'], frpConversations)
export const visitorPorts = listenerProperty('visitor-ports', ['http', 'http', 'http', 'https'], { ...http1Conversations, ...http2Conversations, ...tlsConversations })
