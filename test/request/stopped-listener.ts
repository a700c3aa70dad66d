import { connect, type Socket } from 'node:net'
import { startProcess } from '../support/peers/child-process.ts'

/** A server whose queue of connections is full and stays so: whoever connects is neither answered nor refused. */
export interface StoppedListener extends AsyncDisposable {
  readonly port: number
}

const program = `const server = require('net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => console.log('port ' + server.address().port))`

/** Starts and stops it (SIGSTOP), then connects until nobody gets in any more. */
export async function startStoppedListener(): Promise<StoppedListener> {
  const child = await startProcess({ program: process.execPath, args: ['-e', program] })
  const port = Number((await child.waitForOutput(/port \d+/)).slice('port '.length))
  child.kill('SIGSTOP')
  const sockets: Socket[] = []
  while (await getsIn(port, sockets));
  return {
    port,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy()
      child.kill('SIGKILL')
      await child.exited
    },
  }
}

/** On loopback a connection takes no time; one that is not there by now waits for its SYN to be sent again. */
const answerMs = 300

async function getsIn(port: number, sockets: Socket[]): Promise<boolean> {
  const socket = connect({ port, host: '127.0.0.1' }).on('error', () => {})
  sockets.push(socket)
  const { promise, resolve } = Promise.withResolvers<boolean>()
  socket.once('connect', () => resolve(true))
  const timer = setTimeout(() => resolve(false), answerMs)
  const isIn = await promise
  clearTimeout(timer)
  return isIn
}
