// A Docker Engine that can be stopped and killed: `/version` and `_ping` as Docker answers them, and long answers to the rest.
// node engine-program.ts <unix socket>
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { startStandInEngine } from '../docker/stand-in-engine.ts'
import { pacedContentOf } from './content.ts'

const [, , socketPath = ''] = process.argv
await startStandInEngine(socketPath, {
  answer: (incoming, reply) => {
    if (incoming.url?.endsWith('/_ping') === true) {
      reply.end('OK')
      return
    }
    reply.once('close', () => console.log(`a call ${reply.writableFinished ? 'was answered' : 'was aborted'}`))
    pipeline(Readable.from(pacedContentOf('download'), { objectMode: false }), reply).catch(() => {}) // told as 'close'
  },
})
console.log('listening')
