import { startBareExApp } from './bare-exapp.ts'
import type { DemoExApp, DemoExAppOptions } from './exapp.ts'
import type { DemoEngine } from './find-engine.ts'
import { installDemoExApp } from './installed-exapp.ts'

/** Has the ExApp installed as a container; without an engine (`engine` says why) it runs here, beside its frpc. */
export async function startDemoExApp(options: DemoExAppOptions, engine: DemoEngine | string): Promise<DemoExApp> {
  if (typeof engine !== 'string') return installDemoExApp(options, engine)
  options.narrator.say(`No container in this run: ${engine}.`)
  return startBareExApp(options, engine)
}
