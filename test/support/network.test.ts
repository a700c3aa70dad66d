import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { networkInterfaces } from 'node:os'
import { expect, it } from 'vitest'
import { describeWithPeer } from './describe-with-peer.ts'
import { FarNetwork, networks } from './network.ts'
import { startProcess } from './peers/child-process.ts'

const bytes = 64 * 1024

describeWithPeer('a network of its own', networks, ({ current, prepare, finish }) => {
  const server = createServer((request, response) => response.end(`${request.socket.remoteAddress} `.padEnd(bytes, 'x')))
  prepare(async () => {
    server.listen(0, '0.0.0.0')
    await once(server, 'listening')
  })
  finish(async () => {
    server.close()
    server.closeAllConnections()
  })

  /** What somebody in the network gets from us within two seconds, or curl's exit code. */
  async function ask(network: FarNetwork): Promise<string> {
    const url = `http://${network.nearAddress}:${(server.address() as AddressInfo).port}/`
    await using curl = await startProcess(network.within({ program: 'curl', args: ['--silent', '--max-time', '2', url] }))
    const { code } = await curl.exited
    return code === 0 ? curl.standardOutput().trimEnd() : `exit code ${code}`
  }

  it('reaches us over its cable, until that is cut, pulled out or mended', async () => {
    await using network = await FarNetwork.open(current())
    const fine = expect.stringContaining(`${network.farAddress} x`)
    expect(await ask(network)).toEqual(fine)
    await network.lose(1)
    expect(await ask(network)).toBe('exit code 28') // nobody says no: the time is up
    await network.lose(0)
    expect(await ask(network)).toEqual(fine)
    await network.plug('out')
    expect(await ask(network)).toMatch(/^exit code (7|28)$/)
    await network.plug('in')
    expect(await ask(network)).toEqual(fine)
  })

  it('is as slow and as lossy as it is told to be', async () => {
    await using network = await FarNetwork.open(current())
    await network.throttle(512_000)
    const startedAt = performance.now()
    expect(await ask(network)).toHaveLength(bytes)
    expect(performance.now() - startedAt).toBeGreaterThan(500) // 64 KiB at 64 kB/s, but for what goes at once
    await network.lose(0.9)
    expect(await ask(network)).toBe('exit code 28')
  })

  it('is gone with its holder, and its cable with it', async () => {
    const network = await FarNetwork.open(current())
    const cables = () => Object.values(networkInterfaces()).flatMap((addresses) => addresses?.map(({ address }) => address) ?? [])
    expect(cables()).toContain(network.nearAddress)
    await network[Symbol.asyncDispose]()
    await expect.poll(cables).not.toContain(network.nearAddress)
  })
})
