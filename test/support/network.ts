import { acquireLock } from './peers/lock.ts'
import type { Lock } from './peers/lock.ts'
import { startProcess } from './peers/child-process.ts'
import type { ChildProcess, Command } from './peers/child-process.ts'
import { ensureDebianProgram } from './peers/debian.ts'
import { MissingPeer } from './peers/missing.ts'
import { run } from './peers/run.ts'

/** What makes networks and what spoils them. */
export interface NetworkTools {
  readonly ip: string
  readonly tc: string
  readonly iptables: string
}

/** Networks are joined and cut within milliseconds; a busy machine may take longer. */
const COMMAND_TIMEOUT_MS = 20_000

/** RFC 2544 gives 198.18.0.0/15 to tests of networks: no machine has a route there. Each cable takes four addresses. */
const CABLES = 16_384

/** The kernel's queue before a throttled cable: what does not fit is dropped, as a router does. */
const THROTTLED_QUEUE = ['burst', '16kb', 'latency', '200ms']

/** For `describeWithPeer`: network namespaces, which only root on Linux can make. */
export const networks = { name: 'network namespaces', ensure: ensureNetworks }

/** @throws MissingPeer where no namespace can be made, spoiled and thrown away */
async function ensureNetworks(): Promise<NetworkTools> {
  const why = 'the tests with bad networks'
  const tools: NetworkTools = {
    ip: await ensureDebianProgram('ip', 'iproute2', why),
    tc: await ensureDebianProgram('tc', 'iproute2', why),
    iptables: await ensureDebianProgram('iptables', 'iptables', why),
  }
  try {
    await using network = await FarNetwork.open(tools)
    await network.throttle(1_000_000)
    await network.lose(0.5)
  } catch (error) {
    throw new MissingPeer('network namespaces', `they need root on Linux and a kernel with veth, tbf and xt_statistic: ${error instanceof Error ? error.message : ''}`, { cause: error })
  }
  return tools
}

/**
 * A network of its own, joined to this machine's by one cable. What runs in it reaches us over that cable only, at
 * `nearAddress`. It ends with the process that holds it, and so, whatever becomes of the test, do its rules and the cable.
 */
export class FarNetwork implements AsyncDisposable {
  /** Our end of the cable, and the other one. */
  readonly nearAddress: string
  readonly farAddress: string
  readonly #tools: NetworkTools
  readonly #holder: ChildProcess
  readonly #lock: Lock
  readonly #nearDevice: string

  private constructor(tools: NetworkTools, holder: ChildProcess, { number, lock }: Cable) {
    this.#tools = tools
    this.#holder = holder
    this.#lock = lock
    this.#nearDevice = `hptest${number}`
    const address = (host: number): string => `198.18.${number >> 6}.${(number & 63) * 4 + host}`
    this.nearAddress = address(1)
    this.farAddress = address(2)
  }

  static async open(tools: NetworkTools): Promise<FarNetwork> {
    const cable = await takeCable()
    // Speaks once it is in its namespace: until then its process id still names ours.
    const holder = await startProcess({ program: 'unshare', args: ['--net', '/bin/sh', '-c', 'echo ready; exec sleep infinity'] })
    const network = new FarNetwork(tools, holder, cable)
    try {
      await holder.waitForOutput(/ready/)
      await network.#join()
      return network
    } catch (error) {
      await network[Symbol.asyncDispose]()
      throw error
    }
  }

  /** The same command, run in this network. */
  within(command: Command): Command {
    return { ...command, program: 'nsenter', args: [`--net=/proc/${this.#holder.pid}/ns/net`, '--', command.program, ...command.args] }
  }

  /** Packets vanish in silence, both ways, in this proportion: 1 cuts the cable without anybody being told, 0 mends it. */
  async lose(proportion: number): Promise<void> {
    const which = proportion < 1 ? ['-m', 'statistic', '--mode', 'random', '--probability', String(proportion)] : []
    for (const chain of ['INPUT', 'OUTPUT']) {
      await this.#inside(this.#tools.iptables, '-w', '-F', chain)
      if (proportion > 0) await this.#inside(this.#tools.iptables, '-w', '-A', chain, ...which, '-j', 'DROP')
    }
  }

  /** Bits per second, each way. */
  async throttle(bitsPerSecond: number): Promise<void> {
    const limit = ['root', 'tbf', 'rate', `${bitsPerSecond}bit`, ...THROTTLED_QUEUE]
    await this.#outside(this.#tools.tc, 'qdisc', 'replace', 'dev', this.#nearDevice, ...limit)
    await this.#inside(this.#tools.tc, 'qdisc', 'replace', 'dev', 'eth0', ...limit)
  }

  /** Pulls the plug at the far end, or puts it in again. */
  async plug(state: 'in' | 'out'): Promise<void> {
    await this.#inside(this.#tools.ip, 'link', 'set', 'eth0', state === 'in' ? 'up' : 'down')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#holder.kill('SIGKILL') // it has nothing to tidy up: the kernel does
    await this.#holder.exited
    this.#lock.release()
  }

  async #join(): Promise<void> {
    const { ip } = this.#tools
    const far = ['type', 'veth', 'peer', 'name', 'eth0', 'netns', String(this.#holder.pid)]
    await this.#outside(ip, 'link', 'add', this.#nearDevice, ...far)
    // One packet is one packet: the kernel would hand over 64 KiB at once, and lose it at once.
    await this.#outside(ip, 'link', 'set', this.#nearDevice, 'gso_max_segs', '1', 'up')
    await this.#outside(ip, 'address', 'add', `${this.nearAddress}/30`, 'dev', this.#nearDevice)
    await this.#inside(ip, 'link', 'set', 'lo', 'up')
    await this.#inside(ip, 'link', 'set', 'eth0', 'gso_max_segs', '1', 'up')
    await this.#inside(ip, 'address', 'add', `${this.farAddress}/30`, 'dev', 'eth0')
  }

  async #outside(program: string, ...args: readonly string[]): Promise<void> {
    await run({ program, args }, COMMAND_TIMEOUT_MS)
  }

  async #inside(program: string, ...args: readonly string[]): Promise<void> {
    await run(this.within({ program, args }), COMMAND_TIMEOUT_MS)
  }
}

interface Cable {
  readonly number: number
  readonly lock: Lock
}

/** A cable that no other test of this machine has. */
async function takeCable(): Promise<Cable> {
  for (;;) {
    const number = Math.floor(Math.random() * CABLES)
    const lock = await acquireLock(`network cable ${number}`, 0).catch(() => undefined) // taken: another one will do
    if (lock) return { number, lock }
  }
}
