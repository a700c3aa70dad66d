import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { sharedKey, startTestDataPlane } from '../test/support/data-plane.ts'
import { startNextcloud } from '../test/support/nextcloud.ts'
import { startDemoExApp } from './demo-exapp.ts'
import { createNarrator } from './narrator.ts'

const timeoutMs = 60_000

it('runs the ExApp here where there is no engine, and says why', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'harpoon-bare-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const nextcloud = await startNextcloud({ sharedKey })
  onTestFinished(() => nextcloud.close())
  const plane = await startTestDataPlane(nextcloud.url, { HP_FRP_DISABLE_TLS: 'false' })
  onTestFinished(() => plane.close())
  const told: string[] = []
  const exapp = await startDemoExApp(
    {
      appId: 'bare',
      folder,
      sharedKey,
      httpPort: plane.ports.http,
      frpPort: plane.ports.frp,
      nextcloud,
      dataPlane: { certificates: join(plane.certificates, 'frp'), exited: new Promise(() => {}), close: async () => {} },
      narrator: createNarrator((line) => void told.push(line)),
    },
    'Docker is on holiday',
  )
  onTestFinished(() => exapp.close())
  expect(told[0]).toBe('No container in this run: Docker is on holiday.')
  expect(exapp.admin).toBe('Docker is on holiday')
  expect((await fetch(`${plane.url}/exapps/bare/public`)).status).toBe(200)
}, timeoutMs)
