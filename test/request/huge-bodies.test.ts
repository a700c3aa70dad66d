import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { connect, type Socket } from 'node:net'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sharedKey } from '../support/data-plane.ts'
import { type NextcloudStandIn, startNextcloud } from '../support/nextcloud.ts'
import { type ChildPlane, startChildPlane } from './child-plane.ts'
import { type HttpExApp, startHttpExApp } from './http-exapp.ts'

const gibibyte = 1024 ** 3
const mebibyte = 1024 ** 2
const block = Buffer.alloc(256 * 1024, 'x')

/** What a transfer may add to the memory that the process had before: buffers of the transfer and garbage between two collections. */
const flat = 96 * mebibyte

const timeout = 180_000

/** The data plane runs as a process of its own, so that its memory is its own; no byte is looked at, only counted. */
describe('a body of any size', () => {
  let nextcloud: NextcloudStandIn
  let exApp: HttpExApp
  let plane: ChildPlane

  beforeAll(async () => {
    nextcloud = await startNextcloud({ sharedKey })
    exApp = await startHttpExApp((request, response) => void answer(request, response))
    nextcloud.addExApp({ appId: 'huge', port: exApp.port, routes: [{ url: '.*', access_level: 0 }] })
    plane = await startChildPlane(nextcloud.url)
    await download(64 * mebibyte, false) // so that what is compared is a process that has worked before
    await upload(64 * mebibyte, false)
  })
  afterAll(async () => {
    await plane.close()
    await exApp.close()
    await nextcloud.close()
  })

  it.each([
    ['5 GiB up', () => upload(5 * gibibyte, false), 5 * gibibyte],
    ['5 GiB down', () => download(5 * gibibyte, false), 5 * gibibyte],
    ['512 MiB up in chunks', () => upload(gibibyte / 2, true), gibibyte / 2],
    ['512 MiB down in chunks', () => download(gibibyte / 2, true), gibibyte / 2],
  ])(
    'goes through in flat memory: %s',
    async (_what, transfer, bytes) => {
      const { now } = await plane.memory()
      expect(await transfer()).toBe(bytes)
      const { peak } = await plane.memory()
      expect(peak - now).toBeLessThan(flat)
    },
    timeout,
  )

  /** Sends a body and returns how much of it the ExApp says has come. */
  async function upload(bytes: number, chunked: boolean): Promise<number> {
    const client = connect({ port: plane.port, host: '127.0.0.1' })
    let text = ''
    client.setEncoding('latin1').on('data', (part: string) => (text += part))
    const framing = chunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${bytes}`
    client.write(`POST /exapps/huge/count HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${framing}\r\n\r\n`)
    await pour(client, bytes, chunked)
    if (chunked) client.write('0\r\n\r\n')
    await once(client, 'close')
    expect(text).toMatch(/^HTTP\/1.1 200 /)
    return Number(text.slice(text.indexOf('\r\n\r\n') + 4))
  }

  /** Asks for a body and returns how many bytes have come. */
  async function download(bytes: number, chunked: boolean): Promise<number> {
    const buffer = Buffer.alloc(mebibyte)
    let head = ''
    let received = 0
    const onChunk = (length: number): boolean => {
      received += length
      // The heads of this test are short and come in one piece.
      if (head === '') head = buffer.toString('latin1', 0, buffer.indexOf('\r\n\r\n') + 4)
      return true
    }
    const client = connect({ port: plane.port, host: '127.0.0.1', onread: { buffer, callback: onChunk } })
    client.write(`GET /exapps/huge/${chunked ? 'chunks' : 'length'}/${bytes} HTTP/1.0\r\nHost: x\r\n\r\n`)
    await once(client, 'close')
    expect(head).toMatch(/^HTTP\/1.1 200 /)
    expect(head.includes(`content-length: ${bytes}\r\n`)).toBe(!chunked)
    return received - head.length
  }
})

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const [, how, bytes] = request.url?.split('/') ?? []
  if (how === 'count') {
    let count = 0
    request.on('data', (chunk: Buffer) => (count += chunk.length)).on('end', () => response.end(`${count}`))
    return
  }
  if (how === 'length') response.setHeader('content-length', Number(bytes))
  await pour(response, Number(bytes), false)
  response.end()
}

/** Writes so many bytes at the pace of the reader, as chunks where nobody else makes them; leaves the other end open. */
async function pour(to: Socket | ServerResponse, bytes: number, inChunks: boolean): Promise<void> {
  const chunk = inChunks ? Buffer.concat([Buffer.from(`${block.length.toString(16)}\r\n`), block, Buffer.from('\r\n')]) : block
  const chunks = Array.from({ length: bytes / block.length }, () => chunk)
  await pipeline(Readable.from(chunks, { objectMode: false, highWaterMark: block.length }), to, { end: false })
}
