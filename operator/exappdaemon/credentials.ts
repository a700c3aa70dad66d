import { randomBytes } from 'node:crypto'
import { serverNames } from './addresses.ts'
import { seconds } from './config.ts'
import type { Credentials } from './desired.ts'
import { isRotationDue, makeAuthority, readAuthority, ROTATE_ANNOTATION } from './frp-authority.ts'
import { issuedFrpFiles, nextFrpFiles } from './frp-certificates.ts'
import { httpsPem } from './https-certificate.ts'
import { nextKeys } from './keys.ts'
import type { DaemonView } from './observe.ts'

/** 256 bits, in letters that no shell, header or TOML file has to quote. */
const generateKey = (): string => randomBytes(32).toString('base64url')

/** The daemon's secrets as they are from now on: kept while they fit, made or renewed otherwise. */
export async function nextCredentials(view: DaemonView, now: Date): Promise<Credentials> {
  const { secretRef } = view.spec.sharedKey
  const generatedKey = secretRef ? undefined : (view.givenKey?.['sharedKey'] ?? generateKey())
  const given = secretRef
    ? { current: view.givenKey?.[secretRef.key], previous: secretRef.previousKey === undefined ? undefined : view.givenKey?.[secretRef.previousKey] }
    : { current: generatedKey }
  const wishes = { now, rotateBeforeMs: seconds(view.spec.frp.tls.rotateBefore) * 1000, serverNames: serverNames(view) }
  const { enabled, issuerRef } = view.spec.frp.tls
  const authority = enabled && !issuerRef ? await nextAuthority(view, now) : undefined
  return {
    generatedKey,
    keys: nextKeys(given, view.keysInUse),
    authority,
    frpFiles: authority ? await nextFrpFiles(authority.authority, view.frpFiles, wishes) : enabled ? issuedFrpFiles(view.issued, view.frpFiles, now) : undefined,
    https: httpsPem(view.httpsSecret),
  }
}

async function nextAuthority(view: DaemonView, now: Date): Promise<NonNullable<Credentials['authority']>> {
  const rotation = view.object.metadata.annotations?.[ROTATE_ANNOTATION] ?? ''
  const stored = readAuthority(view.authority.entries)
  const isKept = stored && !isRotationDue(stored, now) && view.authority.rotation === rotation
  return { rotation, authority: isKept ? stored : await makeAuthority(stored, now, randomBytes(3).toString('hex')) }
}
