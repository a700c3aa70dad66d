import { randomBytes } from 'node:crypto'
import { serverNames } from './addresses.ts'
import { seconds } from './config.ts'
import type { Credentials } from './desired.ts'
import { isRotationDue, makeAuthority, readAuthority, ROTATE_ANNOTATION } from './frp-authority.ts'
import { nextFrpFiles } from './frp-certificates.ts'
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
  return {
    generatedKey,
    keys: nextKeys(given, view.keysInUse),
    tls: view.spec.frp.tls.enabled ? await nextTls(view, now) : undefined,
    https: httpsPem(view.httpsSecret),
  }
}

async function nextTls(view: DaemonView, now: Date): Promise<Credentials['tls']> {
  const rotation = view.object.metadata.annotations?.[ROTATE_ANNOTATION] ?? ''
  const stored = readAuthority(view.authority.entries)
  const isKept = stored && !isRotationDue(stored, now) && view.authority.rotation === rotation
  const authority = isKept ? stored : await makeAuthority(stored, now, randomBytes(3).toString('hex'))
  const rotateBeforeMs = seconds(view.spec.frp.tls.rotateBefore) * 1000
  return { authority, rotation, files: await nextFrpFiles(authority, view.frpFiles, { now, rotateBeforeMs, serverNames: serverNames(view) }) }
}
