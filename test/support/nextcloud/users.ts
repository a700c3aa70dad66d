import { randomBytes, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

/** A user of the stand-in. */
export interface User {
  readonly id: string
  readonly password: string
  readonly admin?: boolean
  readonly disabled?: boolean
}

/** What `user-info` says about a visitor (AppAPI contract §8.2). */
export interface UserInfo {
  readonly user_id: string
  readonly access_level: 0 | 1 | 2
}

/** The cookies of a session that began at the login page. */
export interface Session {
  readonly passphrase: string
  readonly sessionId: string
}

/** Nextcloud names its session cookie after the instance. */
export const sessionCookie = 'ocharpoondemo'
export const passphraseCookie = 'oc_sessionPassphrase'

interface OpenSession {
  readonly userId: string
  readonly sessionId: string | undefined
}

/** Who exists and who is logged in. */
export class Users {
  #users = new Map<string, User>()
  #sessions = new Map<string, OpenSession>()

  constructor(users: readonly User[]) {
    for (const user of users) this.add(user)
  }

  add(user: User): void {
    this.#users.set(user.id, user)
  }

  /** Begins a session; without a session id the passphrase cookie alone is enough. */
  openSession(passphrase: string, userId: string, sessionId?: string): void {
    this.#sessions.set(decoded(passphrase), { userId, sessionId })
  }

  closeSession(passphrase: string): void {
    this.#sessions.delete(decoded(passphrase))
  }

  /** Checks a password and begins a session, or returns undefined. */
  login(userId: string, password: string): Session | undefined {
    const user = this.#users.get(userId)
    if (!user || user.disabled || !same(user.password, password)) return undefined
    // Real passphrases are base64, so their cookies contain %2B and %2F.
    const session = { passphrase: randomBytes(96).toString('base64'), sessionId: randomBytes(16).toString('hex') }
    this.openSession(session.passphrase, userId, session.sessionId)
    return session
  }

  logout(request: IncomingMessage): void {
    const passphrase = cookiesOf(request).get(passphraseCookie)
    if (passphrase !== undefined) this.closeSession(passphrase)
  }

  /** Decides the visitor from the session cookies, else from Basic credentials. */
  visitorOf(request: IncomingMessage): UserInfo {
    const userId = this.#userOfSession(request) ?? this.#userOfBasic(request)
    if (userId === undefined) return { user_id: '', access_level: 0 }
    const user = this.#users.get(userId)
    if (!user || user.disabled) return { user_id: userId, access_level: 0 }
    return { user_id: userId, access_level: user.admin ? 2 : 1 }
  }

  #userOfSession(request: IncomingMessage): string | undefined {
    const cookies = cookiesOf(request)
    const session = this.#sessions.get(decoded(cookies.get(passphraseCookie) ?? ''))
    if (!session) return undefined
    if (session.sessionId !== undefined && session.sessionId !== cookies.get(sessionCookie)) return undefined
    return session.userId
  }

  #userOfBasic(request: IncomingMessage): string | undefined {
    const [scheme, credentials = ''] = (request.headers.authorization ?? '').split(' ')
    if (scheme?.toLowerCase() !== 'basic') return undefined
    const text = Buffer.from(credentials, 'base64').toString()
    const colon = text.indexOf(':')
    const user = this.#users.get(text.slice(0, Math.max(colon, 0)))
    return user && same(user.password, text.slice(colon + 1)) ? user.id : undefined
  }
}

function cookiesOf(request: IncomingMessage): ReadonlyMap<string, string> {
  const pairs = (request.headers.cookie ?? '').split(';').map((pair) => pair.trim())
  return new Map(pairs.map((pair) => [pair.split('=', 1)[0] ?? '', pair.slice(pair.indexOf('=') + 1)]))
}

function decoded(cookieValue: string): string {
  try {
    return decodeURIComponent(cookieValue)
  } catch {
    return cookieValue // A value that was never encoded, such as `50%`, names itself.
  }
}

function same(expected: string, given: string): boolean {
  const [a, b] = [Buffer.from(expected), Buffer.from(given)]
  return a.length === b.length && timingSafeEqual(a, b)
}
