import { appId } from './start-demo.ts'
import type { Demo } from './start-demo.ts'

/** Tells a person what to try, line by line. */
export function describeDemo({ url, adminUrl, wayToExApp }: Demo): readonly string[] {
  const page = `${url}/exapps/${appId}/page`
  return [
    '',
    'Open these in a browser, in this order; the log below each shows what was decided and why:',
    `  1. ${page}`,
    '     without a login: refused (403)',
    `  2. ${url}/`,
    '     log in as  user / user  or  admin / admin',
    `  3. ${page}`,
    '     the ExApp’s page, with a counter that comes over a WebSocket',
    `  4. ${url}/exapps/${appId}/admin`,
    '     for admin only; and /public for everybody',
    '',
    `  The way to the ExApp: ${wayToExApp}`,
    `  For operators: ${adminUrl}/readyz and ${adminUrl}/metrics`,
    '',
    'Ten refusals within five minutes ban an address, yours too. Ctrl-C ends everything.',
    '',
  ]
}
