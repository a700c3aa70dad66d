import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

/** What `crowd.ts` starts: opens connections, says the same few bytes on each, and holds those that it is left. */
const [port, firstAddress, addresses, size] = process.argv.slice(2, 6).map(Number)
const firstWords = Buffer.from(process.argv[6] ?? '', 'hex')

/** Connections on their way at once: not more than the listener's backlog is likely to take. */
const atOnce = 100

/** How often it says how it stands. */
const reportMs = 100

let opened = 0
let held = 0
let onTheirWay = 0

/** The loopback addresses of 127.20.0.0/16 from the first on, in turn. */
function addressOf(index: number): string {
  const number = (firstAddress ?? 0) + (index % (addresses ?? 1))
  return `127.20.${number >> 8}.${number & 255}`
}

const isBusy = (): boolean => onTheirWay >= atOnce

function open(index: number): void {
  onTheirWay += 1
  let isOpen = false
  const socket = connect({ port: port ?? 0, host: '127.0.0.1', localAddress: addressOf(index) })
  socket.on('error', ({ code }: NodeJS.ErrnoException) => {
    if (code !== 'EMFILE') return // 'close' follows, which counts
    process.stderr.write('a process of the crowd may not open enough files: raise the hard limit (ulimit -Hn)\n')
    process.exit(1)
  })
  socket.once('connect', () => {
    isOpen = true
    onTheirWay -= 1
    opened += 1
    held += 1
    if (firstWords.length > 0) socket.write(firstWords)
  })
  socket.once('close', () => {
    if (isOpen) held -= 1
    else onTheirWay -= 1
  })
  socket.resume()
}

setInterval(() => process.stdout.write(`${JSON.stringify({ opened, held })}\n`), reportMs)
for (let index = 0; index < (size ?? 0); index += 1) {
  while (isBusy()) await delay(1)
  open(index)
}
