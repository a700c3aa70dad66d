import { ciphers, messages, openings, snappy } from './codecs.ts'
import type { FuzzProperty } from './fuzz-property.ts'
import { mux } from './mux/mux.ts'
import { patterns } from './patterns.ts'
import { tunnelPort, visitorPorts } from './process/listeners.ts'
import { sessions } from './session/sessions.ts'
import { target } from './targets.ts'

/** Everything that is fuzzed. */
export const properties: readonly FuzzProperty[] = [mux, sessions, messages, openings, ciphers, snappy, target, patterns, tunnelPort, visitorPorts]
