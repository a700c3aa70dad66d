import { get } from 'node:http'
import { readConfig } from './config.ts'

/** Docker's own limit for one check (Dockerfile.proxy) is a second longer, so that this message is the one shown. */
const timeoutMs = 5_000

/** The container's health check: exit code 0 when the data plane of this container says that it is alive. */
const { host, port } = readConfig().listen.admin
const request = get({ host: ownAddress(host), port, path: '/livez', agent: false }, (response) => {
  response.resume()
  response.on('close', () => {
    if (!response.complete) fail('/livez broke off')
    else if (response.statusCode !== 200) fail(`/livez answered ${response.statusCode}`)
  })
})
const timer = setTimeout(() => request.destroy(new Error(`no answer within ${timeoutMs / 1000} s`)), timeoutMs)
request.on('error', (error) => fail(error.message))
request.on('close', () => clearTimeout(timer))

/** A listener on all addresses is asked on the loopback one. */
function ownAddress(listening: string): string {
  if (listening === '0.0.0.0') return '127.0.0.1'
  return listening === '::' ? '::1' : listening
}

function fail(reason: string): void {
  console.error(`unhealthy: ${reason}`)
  process.exitCode = 1
}
