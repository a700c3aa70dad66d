// The demo's ExApp inside its container: serves behind frpc, and tells Nextcloud when its init step is done.
import { rm } from 'node:fs/promises'
import { startExApp } from '../../test/support/exapp.ts'

/** Where the start script's frpc looks for it. */
const unixSocket = '/tmp/exapp.sock'

await rm(unixSocket, { force: true }) // of an earlier start of the same container
const exapp = await startExApp({ listen: { unixSocket }, onInit: () => void reportReady() })
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void exapp.close().then(() => process.exit()))
console.log('serving')

/** AppAPI contract §8.4: the ExApp is enabled before this is answered. */
async function reportReady(): Promise<void> {
  const { NEXTCLOUD_URL: nextcloud, APP_ID: id = '', APP_VERSION: version = '', APP_SECRET: secret = '' } = process.env
  const answer = await fetch(`${nextcloud}/ocs/v1.php/apps/app_api/ex-app/status`, {
    method: 'PUT',
    headers: {
      'Content-Type': 'application/json',
      'EX-APP-ID': id,
      'EX-APP-VERSION': version,
      'AUTHORIZATION-APP-API': Buffer.from(`:${secret}`).toString('base64'),
    },
    body: JSON.stringify({ progress: 100, error: '' }),
  })
  await answer.body?.cancel()
  console.log(`init step reported: ${answer.status}`)
}
