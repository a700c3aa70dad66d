import { createHash, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'

/** A small image registry on loopback, which engines reach over plain HTTP: what is pushed can be pulled. */
export interface ImageRegistry {
  /** `127.0.0.1:<port>`: the first part of its images' names. */
  readonly host: string
  /** Tags and digests that were asked for, as `name:reference`, in order. */
  readonly asked: readonly string[]
  /** Lets only the first half of each layer out until the promise settles. */
  holdLayers(until: Promise<unknown>): void
  close(): Promise<void>
}

/** A manifest, under its tag and its digest. */
interface Manifest {
  readonly type: string
  readonly bytes: Buffer
}

const digestOf = (bytes: Buffer): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`

/** Starts one that speaks as much of the OCI distribution specification (v2) as push and pull need. */
export async function startImageRegistry(): Promise<ImageRegistry> {
  const blobs = new Map<string, Buffer>()
  const manifests = new Map<string, Manifest>()
  const uploads = new Map<string, Buffer>()
  const asked: string[] = []
  let held: Promise<unknown> = Promise.resolve()

  /** `POST` opens an upload, `PATCH` adds to it, `PUT` closes it with the digest of the whole. */
  const upload = async (request: IncomingMessage, response: ServerResponse, name: string, url: URL): Promise<void> => {
    const id = url.pathname.split('/').at(-1) || randomUUID()
    const bytes = Buffer.concat([uploads.get(id) ?? Buffer.alloc(0), await buffer(request)])
    const digest = url.searchParams.get('digest')
    if (request.method === 'PUT' && digest !== null) {
      uploads.delete(id)
      if (digestOf(bytes) !== digest) return fail(response, 400, 'DIGEST_INVALID')
      blobs.set(digest, bytes)
      response.writeHead(201, { Location: `/v2/${name}/blobs/${digest}`, 'Docker-Content-Digest': digest, 'Content-Length': 0 }).end()
      return
    }
    uploads.set(id, bytes)
    const range = `0-${Math.max(0, bytes.length - 1)}`
    response.writeHead(202, { Location: `/v2/${name}/blobs/uploads/${id}`, Range: range, 'Docker-Upload-UUID': id, 'Content-Length': 0 }).end()
  }

  const sendBlob = async (request: IncomingMessage, response: ServerResponse, digest: string): Promise<void> => {
    const bytes = blobs.get(digest)
    if (!bytes) return fail(response, 404, 'BLOB_UNKNOWN')
    response.writeHead(200, { 'Content-Type': 'application/octet-stream', 'Content-Length': bytes.length, 'Docker-Content-Digest': digest })
    if (request.method === 'HEAD') return void response.end()
    const half = Math.floor(bytes.length / 2)
    response.write(bytes.subarray(0, half))
    await held
    response.end(bytes.subarray(half))
  }

  const storeManifest = async (request: IncomingMessage, response: ServerResponse, name: string, reference: string): Promise<void> => {
    const bytes = await buffer(request)
    const manifest = { type: request.headers['content-type'] ?? '', bytes }
    const digest = digestOf(bytes)
    manifests.set(`${name}:${reference}`, manifest).set(`${name}:${digest}`, manifest)
    response.writeHead(201, { Location: `/v2/${name}/manifests/${digest}`, 'Docker-Content-Digest': digest, 'Content-Length': 0 }).end()
  }

  const sendManifest = (request: IncomingMessage, response: ServerResponse, name: string, reference: string): void => {
    asked.push(`${name}:${reference}`)
    const manifest = manifests.get(`${name}:${reference}`)
    if (!manifest) return fail(response, 404, 'MANIFEST_UNKNOWN')
    const { type, bytes } = manifest
    response.writeHead(200, { 'Content-Type': type, 'Content-Length': bytes.length, 'Docker-Content-Digest': digestOf(bytes) })
    response.end(request.method === 'HEAD' ? undefined : bytes)
  }

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(request.url ?? '/', 'http://registry')
    if (url.pathname === '/v2/') return void response.writeHead(200, { 'Content-Length': 0 }).end()
    const [, name = '', kind, rest = ''] = /^\/v2\/(.+?)\/(manifests|blobs)\/(.*)$/.exec(url.pathname) ?? []
    if (kind === 'blobs' && rest.startsWith('uploads/')) return upload(request, response, name, url)
    if (kind === 'blobs') return sendBlob(request, response, rest)
    if (kind === 'manifests' && request.method === 'PUT') return storeManifest(request, response, name, rest)
    if (kind === 'manifests') return sendManifest(request, response, name, rest)
    fail(response, 404, 'NAME_UNKNOWN')
  }

  const server = createServer((request, response) => {
    response.setHeader('Docker-Distribution-Api-Version', 'registry/2.0')
    serve(request, response).catch(() => response.destroy()) // an engine that broke off
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    holdLayers: (until) => {
      held = until
    },
    close: async () => {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

function fail(response: ServerResponse, status: number, code: string): void {
  const body = JSON.stringify({ errors: [{ code, message: code.toLowerCase().replace('_', ' ') }] })
  response.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) }).end(body)
}
