import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { startDataPlaneProcess } from '../support/data-plane-process.ts'

it('a HaRP environment starts, and each setting that does nothing is named once', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'harpoon-unused-'))
  const config = join(folder, 'harpoon.yaml')
  await writeFile(config, 'HP_WAIT_SPOA: 60\nHP_TRUSTED_PROXY_IPS: ["10.0.0.9/8", proxy]\n')
  const child = await startDataPlaneProcess({
    NC_INSTANCE_URL: 'http://127.0.0.1:1',
    HARPOON_CONFIG: config,
    HARPOON_CERTS_DIR: folder,
    HP_FRP_DISABLE_TLS: 'true',
    HARPOON_FRP_WEBSOCKET: 'mtls',
    HP_SHARED_KEY: 'geheim-geheim',
    HP_SPOA_ADDRESS: '127.0.0.1:9600',
    HP_WAIT_SPOA: '30',
    HP_K8S_BEARER_TOKEN: 'geheimer-token',
    HP_FRP_PORT: '8782',
    HARPOON_PORT: 'tcp://10.0.0.1:8780',
    HARPOON_SERVICE_HOST: '10.0.0.1',
  })
  await child.stop()
  const lines = child.output().trimEnd().split('\n').map((line) => JSON.parse(line) as { level: string; msg: string })
  expect(lines.filter(({ level }) => level !== 'info').map(({ level, msg }) => `${level}: ${msg}`).sort()).toEqual([
    'error: HP_TRUSTED_PROXY_IPS: proxy is no address or network and is skipped; accepted: 10.0.0.0/8, 192.168.1.7, fd00::/8',
    'warn: HARPOON_FRP_WEBSOCKET=mtls asks for nothing while HP_FRP_DISABLE_TLS=true: websockets are let in like any other connection, with the shared key too',
    'warn: HP_FRP_PORT is set but is no setting of this version',
    'warn: HP_K8S_BEARER_TOKEN is set but not used: this version deploys no ExApps on Kubernetes itself',
    'warn: HP_SPOA_ADDRESS is set but not used: requests are decided in the same process',
    'warn: HP_TRUSTED_PROXY_IPS: read 10.0.0.9/8 → 10.0.0.0/8',
    'warn: HP_WAIT_SPOA is set but not used: there is no separate agent to wait for or to watch',
  ])
  expect(child.output()).not.toContain('geheim')
  await rm(folder, { recursive: true })
})
