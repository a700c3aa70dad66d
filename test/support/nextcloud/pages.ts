import { readFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import type { ExAppTable } from './exapp-table.ts'
import { answer, answerJson, queryOf, redirect } from './reply.ts'
import { passphraseCookie, sessionCookie } from './users.ts'
import type { Session, Users } from './users.ts'

const html = 'text/html; charset=UTF-8'

/** Shows the login form, and begins a session when it comes back with a right password. */
export async function serveLogin(request: IncomingMessage, response: ServerResponse, users: Users): Promise<void> {
  const destination = localPath(queryOf(request, 'redirect_url'))
  if (request.method !== 'POST') return showLogin(response, 200, destination, '')

  const form = new URLSearchParams(await text(request))
  const userId = form.get('user') ?? ''
  const session = users.login(userId, form.get('password') ?? '')
  if (!session) return showLogin(response, 401, destination, 'Wrong login or password.')
  redirect(response, destination, { 'Set-Cookie': sessionCookies(session, userId) })
}

/** Ends the session and shows the login form again. */
export function serveLogout(request: IncomingMessage, response: ServerResponse, users: Users): void {
  users.logout(request)
  const expired = [passphraseCookie, sessionCookie, 'nc_username', 'nc_token', 'nc_session_id']
  redirect(response, '/index.php/login', {
    'Set-Cookie': expired.map((name) => `${name}=deleted; Max-Age=0; path=/; HttpOnly; SameSite=Lax`),
  })
}

/** Greets the user and links to the ExApps; visitors without a session get the login form. */
export async function serveStart(
  request: IncomingMessage,
  response: ServerResponse,
  users: Users,
  exapps: ExAppTable,
): Promise<void> {
  const visitor = users.visitorOf(request)
  if (visitor.user_id === '') return redirect(response, '/index.php/login')
  const links = exapps.all.map(({ appId, page }) => {
    const url = `/exapps/${encodeURIComponent(appId)}/${page ?? ''}`
    return `<li><a href="${escaped(url)}">${escaped(appId)}</a></li>`
  })
  answer(response, 200, html, await page('start.html', { user: escaped(visitor.user_id), links: links.join('\n') }))
}

/** Answers what health checks and clients read from every Nextcloud. */
export function serveStatus(response: ServerResponse, maintenance: boolean): void {
  answerJson(response, 200, {
    installed: true,
    maintenance,
    needsDbUpgrade: false,
    version: '35.0.0.0',
    versionstring: '35.0.0',
    edition: '',
    productname: 'Nextcloud',
    extendedSupport: false,
  })
}

async function showLogin(response: ServerResponse, status: number, destination: string, problem: string): Promise<void> {
  const action = `/index.php/login?redirect_url=${encodeURIComponent(destination)}`
  answer(response, status, html, await page('login.html', { action: escaped(action), problem }))
}

function sessionCookies({ passphrase, sessionId }: Session, userId: string): string[] {
  const attributes = 'path=/; HttpOnly; SameSite=Lax'
  const remembered = `Max-Age=1296000; ${attributes}`
  return [
    `${passphraseCookie}=${encodeURIComponent(passphrase)}; ${attributes}`,
    `${sessionCookie}=${sessionId}; ${attributes}`,
    'nc_sameSiteCookielax=true; path=/; httponly; expires=Fri, 31-Dec-2100 23:59:59 GMT; SameSite=lax',
    'nc_sameSiteCookiestrict=true; path=/; httponly; expires=Fri, 31-Dec-2100 23:59:59 GMT; SameSite=strict',
    `nc_username=${encodeURIComponent(userId)}; ${remembered}`,
    `nc_session_id=${sessionId}; ${remembered}`,
  ]
}

/** Keeps a redirect on this server: `//host` and `/\host` would leave it. */
function localPath(url: string | undefined): string {
  return url !== undefined && /^\/(?![/\\])/.test(url) ? url : '/'
}

async function page(file: string, values: Readonly<Record<string, string>>): Promise<string> {
  const template = await readFile(new URL(file, import.meta.url), 'utf8')
  return template.replaceAll(/\{\{(\w+)\}\}/g, (_, name: string) => values[name] ?? '')
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
}
