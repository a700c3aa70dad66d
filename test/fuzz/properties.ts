import { ciphers, messages, openings, snappy } from './codecs.ts'
import type { FuzzProperty } from './fuzz-property.ts'
import { mux } from './mux/mux.ts'
import { patterns } from './patterns.ts'
import { sessions } from './session/sessions.ts'
import { target } from './targets.ts'

/** All that is tried, the quick ones first. */
export const properties: readonly FuzzProperty[] = [messages, openings, snappy, ciphers, target, patterns, mux, sessions]
