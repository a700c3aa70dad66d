import type { User, VisitorCredentials } from '../nextcloud/client.ts'
import type { ExApp } from '../nextcloud/exapp.ts'
import { RouteTable } from '../routes/route-table.ts'
import { BadControlHeaderError, ClientGoneError, WrongSignatureError } from './errors.ts'
import type { Exchange } from './exchange.ts'
import { cookieValue } from './head.ts'
import { unlessGone } from './unless-gone.ts'

/** Who asks. */
export type Caller =
  /** AppAPI, with the right shared key; the signature goes to the ExApp unchanged. */
  | { readonly kind: 'appapi'; readonly signature: string }
  | { readonly kind: 'visitor'; readonly user: User }
  /** Has credentials, but Nextcloud could not be asked about them. */
  | { readonly kind: 'unidentified'; readonly cause: unknown }

/** AppAPI's own request to an ExApp (HaRP contract §3.2 row 6). The host and port count only while Nextcloud does not know the app. */
export interface DirectRequest {
  readonly signature: string
  readonly host: string
  readonly port: string
  readonly version: string
}

const directHeaders = ['ex-app-version', 'ex-app-id', 'ex-app-host', 'ex-app-port', 'authorization-app-api', 'harp-shared-key'] as const

/** Recognises a direct request by its six headers; throws `WrongSignatureError` when the key among them is wrong. */
export function readDirectRequest(exchange: Exchange): DirectRequest | undefined {
  const { last } = exchange.head
  if (!directHeaders.every((name) => last.has(name))) return undefined
  if (!exchange.hasKey) throw new WrongSignatureError('signed request with a wrong harp-shared-key')
  const text = (name: (typeof directHeaders)[number]): string => last.get(name) ?? ''
  return { signature: text('authorization-app-api'), host: text('ex-app-host'), port: text('ex-app-port'), version: text('ex-app-version') }
}

/**
 * The record of an ExApp that Nextcloud does not know yet, e.g. at `/init` (HaRP contract §3.2 row 6b). It lets a key holder
 * reach any host from here (Q30), so nothing is taken from the headers once Nextcloud knows the app.
 */
export function exAppFromHeaders(appId: string, direct: DirectRequest): ExApp {
  const port = /^\s*\d{1,5}\s*$/.test(direct.port) ? Number(direct.port) : 0
  if (port < 1 || port > 65_535) throw new BadControlHeaderError(`ex-app-port is no port number; accepted: 1 to 65535`)
  return { id: appId, token: '', version: direct.version, host: direct.host, port, resolvedHost: '', routes: new RouteTable([]), routeCount: 0 }
}

/** Nextcloud's own cookie for a session; its presence is what makes a visitor worth asking about. */
const sessionCookie = 'oc_sessionPassphrase'

export type FindUser = (appId: string, visitor: VisitorCredentials, hasSession: boolean) => User | Promise<User>

/** Asks who the visitor is, or takes it for nobody when there is nothing to ask about. Routes decide what a failure means (Q35). @throws ClientGoneError */
export async function identify(exchange: Exchange, exApp: ExApp, findUser: FindUser): Promise<Caller> {
  const { last, cookies } = exchange.head
  const authorization = last.get('authorization')
  const hasSession = cookieValue(cookies, sessionCookie) !== undefined
  if (!hasSession && authorization === undefined) return nobody
  try {
    const visitor = { cookies, authorization, userAgent: last.get('user-agent'), clientAddress: exchange.client }
    const found = findUser(exApp.id, visitor, hasSession)
    return { kind: 'visitor', user: found instanceof Promise ? await unlessGone(exchange, found) : found }
  } catch (cause) {
    if (cause instanceof ClientGoneError) throw cause
    return { kind: 'unidentified', cause }
  }
}

/** A visitor without credentials. */
export const nobody: Caller = { kind: 'visitor', user: { id: '', level: 0 } }
