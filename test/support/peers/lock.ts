import { createHash } from 'node:crypto'
import { connect, createServer } from 'node:net'
import type { Socket } from 'node:net'

/** A lock that is held until `release` is called or this process ends. */
export interface Lock {
  readonly release: () => void
}

/**
 * Waits until no other process on this machine holds `name`, then holds it.
 * The lock is the name of an abstract Unix socket: the kernel frees it when its holder dies, so none is ever stale.
 * Only Linux has those; elsewhere nobody waits, and callers must stay correct without the lock.
 * @throws Error when others still hold it after `waitMs` milliseconds
 */
export async function acquireLock(name: string, waitMs: number): Promise<Lock> {
  if (process.platform !== 'linux') return { release: () => {} }
  const address = `\0harpoon-${createHash('sha256').update(name).digest('hex')}`
  const deadline = Date.now() + waitMs
  for (;;) {
    const lock = await tryAcquire(address)
    if (lock) return lock
    const remainingMs = deadline - Date.now()
    if (remainingMs <= 0) throw new Error(`${name} is still being worked on by another process after ${waitMs / 1000} s`)
    await holderGone(address, remainingMs)
  }
}

function tryAcquire(address: string): Promise<Lock | undefined> {
  return new Promise((resolve, reject) => {
    const waiters = new Set<Socket>()
    const server = createServer((waiter) => {
      waiters.add(waiter)
      waiter.on('error', () => {}) // a waiter that was killed changes nothing for the holder
      waiter.on('close', () => waiters.delete(waiter))
    })
    const release = () => {
      server.close()
      for (const waiter of waiters) waiter.destroy()
    }
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined)
      else reject(error)
    })
    server.listen(address, () => resolve({ release }))
  })
}

/** Settles when the holder is done or dead (its end of the connection closes either way), or the time is up. */
function holderGone(address: string, timeoutMs: number): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(address)
    const timer = setTimeout(() => socket.destroy(), timeoutMs)
    socket.resume()
    socket.on('error', () => {}) // refused: the holder has just gone
    socket.on('close', () => {
      clearTimeout(timer)
      resolve()
    })
  })
}
