import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Environment } from '../../proxy/config.ts'
import { type DataPlaneProcess, startDataPlaneProcess } from '../support/data-plane-process.ts'
import { sharedKey } from '../support/data-plane.ts'
import { startFrpc } from '../support/frpc.ts'
import { harpClientConfig } from '../support/harp-client.ts'
import type { FarNetwork } from '../support/network.ts'
import { type NextcloudStandIn, startNextcloud } from '../support/nextcloud.ts'
import { type ChildProcess, startProcess } from '../support/peers/child-process.ts'
import type { FrpVersion } from '../support/peers/frp.ts'

/** What is behind a tunnel, and the tunnel's client. */
export interface ServiceOptions {
  /** Of the tunnel, and so the id of an ExApp. */
  readonly name: string
  readonly version: FrpVersion
  /** Where its frpc runs, if not in the network of this machine. */
  readonly network?: FarNetwork | undefined
  /** The port that it dials, if not the data plane's own. */
  readonly frpPort?: number
}

/** An ExApp or an engine behind a tunnel of its own; both of its processes can be stopped, killed and started again. */
export interface Service extends ServiceOptions {
  readonly file: 'exapp-program.ts' | 'engine-program.ts'
  readonly remotePort: number
  program: ChildProcess
  frpc: ChildProcess
}

/** The whole data plane as its own process, a Nextcloud in this one, and ExApps that dial in with real frpcs over mutual TLS. */
export class FaultStage implements AsyncDisposable {
  readonly plane: DataPlaneProcess
  readonly nextcloud: NextcloudStandIn
  readonly #folder: string
  readonly #children: ChildProcess[] = []
  #exApps = 0

  private constructor(folder: string, nextcloud: NextcloudStandIn, plane: DataPlaneProcess) {
    this.#folder = folder
    this.nextcloud = nextcloud
    this.plane = plane
  }

  static async set(environment: Environment = {}): Promise<FaultStage> {
    const folder = await mkdtemp(join(tmpdir(), 'harpoon-faults-'))
    const nextcloud = await startNextcloud({ sharedKey })
    const plane = await startDataPlaneProcess({ NC_INSTANCE_URL: nextcloud.url, HARPOON_CERTS_DIR: folder, HARPOON_STOP_TIMEOUT: '1s', HP_LOG_LEVEL: 'info', ...environment })
    return new FaultStage(folder, nextcloud, plane)
  }

  /** The address of a path of an ExApp for visitors, over loopback unless told otherwise. */
  url(appId: string, path = '', host = '127.0.0.1'): string {
    return `http://${host}:${this.plane.ports.http}/exapps/${appId}/${path}`
  }

  /** Installs an ExApp that everybody may visit, starts it and waits for its tunnel. */
  addExApp(options: ServiceOptions): Promise<Service> {
    const remotePort = 23_000 + this.#exApps++
    this.nextcloud.addExApp({ appId: options.name, port: remotePort, routes: [{ url: '.*', access_level: 0 }] })
    return this.#addService({ ...options, file: 'exapp-program.ts', remotePort })
  }

  /** Starts the Docker Engine that AppAPI knows as 24001, and waits for its tunnel. */
  addEngine(options: ServiceOptions): Promise<Service> {
    return this.#addService({ ...options, file: 'engine-program.ts', remotePort: 24_001 })
  }

  /** What is behind a tunnel, once it listens; what another one left behind at its socket is removed. */
  async startProgram({ name, file }: Pick<Service, 'name' | 'file'>): Promise<ChildProcess> {
    await rm(this.#socketOf(name), { force: true })
    const program = await this.runProgram(file, [this.#socketOf(name)])
    await program.waitForOutput(/listening/)
    return program
  }

  /** Another frpc for the same name and port, as a recreated container brings it; does not wait for the tunnel. */
  async startFrpc({ name, remotePort, version, network, frpPort }: Omit<Service, 'program' | 'frpc'>): Promise<ChildProcess> {
    const config = harpClientConfig({
      frpHost: network?.nearAddress ?? '127.0.0.1',
      frpPort: frpPort ?? this.plane.ports.frp,
      sharedKey,
      certificates: join(this.#folder, 'frp'),
      appId: name,
      remotePort,
      unixSocket: this.#socketOf(name),
    })
    return this.#keep(await startFrpc({ version, config, network }))
  }

  /** Runs a program of this folder; it is ended with the stage. */
  async runProgram(file: string, args: readonly string[], network?: FarNetwork): Promise<ChildProcess> {
    return this.#keep(await runProgram(file, args, network))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children) {
      child.kill('SIGCONT') // a stopped process does not hear SIGTERM
      child.kill('SIGKILL')
    }
    await Promise.all(this.#children.map((child) => child.exited))
    await this.plane.stop()
    await this.nextcloud.close()
    await rm(this.#folder, { recursive: true, force: true })
  }

  async #addService(options: Omit<Service, 'program' | 'frpc'>): Promise<Service> {
    const program = await this.startProgram(options)
    const frpc = await this.startFrpc(options)
    await frpc.waitForOutput(/start proxy success/)
    return { ...options, program, frpc }
  }

  #socketOf(name: string): string {
    return join(this.#folder, `${name}.sock`)
  }

  #keep(child: ChildProcess): ChildProcess {
    this.#children.push(child)
    return child
  }
}

/** Runs a program of this folder, which its caller ends. */
export function runProgram(file: string, args: readonly string[], network?: FarNetwork): Promise<ChildProcess> {
  const command = { program: process.execPath, args: [fileURLToPath(new URL(file, import.meta.url)), ...args] }
  return startProcess(network ? network.within(command) : command)
}
