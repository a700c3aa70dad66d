import { z } from 'zod'
import { allowedMountsAccepted, parseAllowedMounts } from './allowed-mounts.ts'
import { allowedRegistriesAccepted, parseAllowedRegistries } from './allowed-registries.ts'
import { durationAccepted, parseDuration } from './duration.ts'
import { type ListenAddress, listenAddressAccepted, parseListenAddress } from './listen-address.ts'
import { unquote } from './shared-key.ts'

/** The kinds of values that settings have. Each takes the text of a variable and says what is accepted when it does not fit. */

type Reader<T> = (text: string, context: z.RefinementCtx) => T

/** Blanks around a value are what an env file leaves there. */
function reader<T>(accepted: string, parse: (text: string) => T | undefined): Reader<T> {
  return (text, context) => {
    const value = parse(text.trim())
    if (value !== undefined) return value
    context.addIssue({ code: 'custom', message: `${JSON.stringify(text)} is not accepted; accepted: ${accepted}` })
    return z.NEVER
  }
}

const field = <T>(fallback: string, accepted: string, parse: (text: string) => T | undefined): z.ZodType<T, string | undefined> =>
  z.string().default(fallback).transform(reader(accepted, parse))

/** A time in milliseconds. */
export const duration = (fallback: string): z.ZodType<number, string | undefined> => field(fallback, durationAccepted, parseDuration)

/** Something that has no value while it is not set. */
const optionalField = <T>(accepted: string, parse: (text: string) => T | undefined): z.ZodType<T | undefined, string | undefined> =>
  z.string().transform(reader(accepted, parse)).optional()

/** A time that follows another setting while it is not set itself. */
export const inheritedDuration = optionalField(durationAccepted, parseDuration)

/** Folders of Docker Engines; not set: no limit. */
export const allowedMounts = optionalField(allowedMountsAccepted, parseAllowedMounts)

/** Registries of images; not set: no limit. */
export const allowedRegistries = optionalField(allowedRegistriesAccepted, parseAllowedRegistries)

export const listenAddress = (fallback: string): z.ZodType<ListenAddress, string | undefined> =>
  field(fallback, listenAddressAccepted, (text) => parseListenAddress(unquote(text)))

export const wholeNumber = (fallback: string, { min, max }: { min: number; max: number }): z.ZodType<number, string | undefined> =>
  field(fallback, `a whole number from ${min} to ${max}`, (text) => {
    const value = /^-?\d{1,15}$/.test(text) ? Number(text) : Number.NaN
    return value >= min && value <= max ? value : undefined
  })

export const number = (fallback: string, { min, max }: { min: number; max: number }): z.ZodType<number, string | undefined> =>
  field(fallback, `a number from ${min} to ${max}`, (text) => {
    const value = text === '' ? Number.NaN : Number(text)
    return value >= min && value <= max ? value : undefined
  })

export const choice = <T extends string>(fallback: T, choices: readonly T[]): z.ZodType<T, string | undefined> =>
  field(fallback, choices.join(', '), (text) => choices.find((candidate) => candidate === text))

export const flag = (fallback: 'true' | 'false'): z.ZodType<boolean, string | undefined> =>
  field(fallback, 'true or false', (text) => (text === 'true' ? true : text === 'false' ? false : undefined))

export const path = (fallback: string): z.ZodType<string, string | undefined> =>
  field(fallback, 'a path of a file or folder', (text) => (text === '' ? undefined : text))
