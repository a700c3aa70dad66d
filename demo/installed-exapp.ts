import { AppApi } from '../test/support/appapi-client/appapi.ts'
import type { Manifest } from '../test/support/appapi-client/exapp-row.ts'
import { makeExAppImage } from './container/image.ts'
import { type DemoExApp, type DemoExAppOptions, frpcVersion, routes } from './exapp.ts'
import type { DemoEngine } from './find-engine.ts'

/** Has AppAPI install the ExApp on the engine, through the data plane's control API. @throws AppApiFailure when it does not run */
export async function installDemoExApp(options: DemoExAppOptions, { engine, run }: DemoEngine): Promise<DemoExApp> {
  const { appId, httpPort, frpPort, sharedKey, nextcloud, narrator } = options
  const image = await makeExAppImage(engine, { repository: `harpoon-demo/${run.id}`, label: run.label, frpVersion: frpcVersion })
  const appApi = new AppApi({
    version: '35.0.0',
    nextcloud,
    daemon: {
      host: `127.0.0.1:${httpPort}`,
      net: 'host',
      nextcloudUrl: `http://127.0.0.1:${httpPort}`, // the front
      sharedKey,
      computeDevice: 'cpu',
      harp: { frpAddress: `127.0.0.1:${frpPort}`, dockerSocketPort: '24000', exAppDirect: false },
      registries: [{ from: 'docker.io', to: 'local' }],
    },
  })
  const manifest: Manifest = { appId, version: '1.0.0', image, routes, page: 'page' }
  try {
    narrator.say('AppAPI installs the ExApp as a container …')
    await appApi.register(manifest)
  } catch (error) {
    appApi.close()
    throw error
  }
  return {
    way: `container nc_app_${appId}: unix socket ← frpc ${frpcVersion} ← tunnel for port ${appApi.row(appId).port} ← data plane`,
    failed: new Promise(() => {}), // the engine restarts it
    admin: {
      disable: () => appApi.disable(appId),
      enable: () => appApi.enable(appId),
      isRunning: async () => (await engine.docker(['inspect', '--format', '{{.State.Running}}', `nc_app_${appId}`])).trim() === 'true',
    },
    close: async () => {
      await appApi.unregister(appId, { removeData: true, force: true })
      appApi.close()
    },
  }
}
