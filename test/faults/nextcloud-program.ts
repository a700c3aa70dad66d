// A Nextcloud that can be stopped and killed, with two ExApps, where `/private` is for users, and one user's session.
// node nextcloud-program.ts <port, 0 for any> <address, loopback when left out>
import { sharedKey } from '../support/data-plane.ts'
import { startNextcloud } from '../support/nextcloud.ts'

const [, , port, host = '127.0.0.1'] = process.argv
const nextcloud = await startNextcloud({ sharedKey, port: Number(port), host })
const routes = [
  { url: '/private', access_level: 1 },
  { url: '.*', access_level: 0 },
] as const
nextcloud.addExApp({ appId: 'exapp', port: 23_000, routes })
nextcloud.addExApp({ appId: 'other', port: 23_001, routes })
nextcloud.setSession('session-of-usr', 'user') // `userCookie` of the request tests
console.log(`listening at ${nextcloud.url}`)
