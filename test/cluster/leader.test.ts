import { expect, it } from 'vitest'
import type { Cluster } from '../../operator/cluster/cluster.ts'
import { LeaderElection } from '../../operator/loop/leader.ts'
import { describeWithCluster } from '../support/cluster/with-cluster.ts'

describeWithCluster('of several operators', ({ current }) => {
  /** Who leads now, and whether ever two did at once. */
  class Watched {
    readonly leading = new Set<string>()
    mostAtOnce = 0

    join(identity: string, cluster: Cluster, namespace: string): LeaderElection {
      return new LeaderElection({
        cluster,
        identity,
        lease: { namespace, name: 'operator' },
        now: () => new Date(),
        uptime: () => performance.now(),
        onError: () => {}, // an API server that is away is part of the test
        lead: async () => {
          this.leading.add(identity)
          this.mostAtOnce = Math.max(this.mostAtOnce, this.leading.size)
          return {
            close: async () => {
              this.leading.delete(identity)
            },
          }
        },
      })
    }

    get who(): string {
      return [...this.leading].join()
    }
  }

  it('one leads, and when it ends another does within seconds', async () => {
    const { cluster, createNamespace } = current()
    const namespace = await createNamespace()
    const watched = new Watched()
    const first = watched.join('first', cluster, namespace)
    await expect.poll(() => watched.who, { timeout: 10_000 }).toBe('first')
    const second = watched.join('second', cluster, namespace)
    await first.close()
    await expect.poll(() => watched.who, { timeout: 10_000 }).toBe('second')
    await second.close()
    expect([watched.mostAtOnce, watched.who]).toEqual([1, ''])
  })

  it('one that is cut off from the API server stops by itself before another begins', async () => {
    const { cluster, createNamespace } = current()
    const namespace = await createNamespace()
    const watched = new Watched()
    let isCut = false
    // Its calls never come back, as on a link that swallows everything.
    const cutOff = new Proxy(cluster, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name)
        return typeof value === 'function' ? (...args: unknown[]) => (isCut ? new Promise(() => {}) : Reflect.apply(value, target, args)) : value
      },
    })
    const first = watched.join('first', cutOff, namespace)
    await expect.poll(() => watched.who, { timeout: 10_000 }).toBe('first')
    const second = watched.join('second', cluster, namespace)
    isCut = true
    await expect.poll(() => watched.who, { timeout: 40_000 }).toBe('second')
    expect(watched.mostAtOnce).toBe(1)
    isCut = false
    await Promise.all([first.close(), second.close()])
  })

  it('one goes on leading while the API server is started again', async () => {
    const { cluster, createNamespace, restartApiServer } = current()
    const namespace = await createNamespace()
    const watched = new Watched()
    const election = watched.join('only', cluster, namespace)
    await expect.poll(() => watched.who, { timeout: 10_000 }).toBe('only')
    await restartApiServer()
    await expect.poll(() => watched.who, { timeout: 40_000 }).toBe('only')
    await election.close()
    expect(watched.who).toBe('')
  })
})
