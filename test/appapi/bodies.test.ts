import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { setStage, type Stage } from '../request/stage.ts'
import { callApi, openRaw, type RawConnection, rawHead, recordFor } from './call.ts'

const mebibyte = 1024 * 1024

describe('bodies of control calls', () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await setStage()
  })
  afterAll(() => stage.close())

  const record = (): string => recordFor(stage.exApp.port)
  /** A valid record of exactly so many bytes: JSON takes blanks at its end. */
  const recordOf = (bytes: number): string => record().padEnd(bytes)
  const open = async (): Promise<RawConnection> => {
    const connection = await openRaw(stage.port)
    onTestFinished(() => void connection.socket.destroy())
    return connection
  }

  it('may have one mebibyte, and 413 is the answer to one byte more', async () => {
    const push = (bytes: number) => callApi(stage.port, '/exapp_storage/big', { method: 'POST', body: recordOf(bytes) })
    expect(await push(mebibyte)).toMatchObject({ status: 204 })
    expect(await push(mebibyte + 1)).toMatchObject({
      status: 413,
      headers: { 'content-type': 'text/plain; charset=utf-8' },
      text: expect.stringMatching(/^413: Request Entity Too Large/),
    })
  })

  it('are refused just the same when they come in chunks without a length', async () => {
    const connection = await open()
    connection.socket.write(rawHead('POST', '/exapp_storage/big', ['Transfer-Encoding: chunked']))
    const chunk = 'x'.repeat(256 * 1024)
    for (let sent = 0; sent < 5; sent += 1) connection.socket.write(`${chunk.length.toString(16)}\r\n${chunk}\r\n`)
    connection.socket.write('0\r\n\r\n')
    expect(await connection.answer()).toMatchObject({
      status: 413,
      body: expect.stringMatching(/^413: Request Entity Too Large/),
    })
  })

  it('arrive whole in many chunks', async () => {
    const connection = await open()
    connection.socket.write(rawHead('POST', '/exapp_storage/chunked', ['Transfer-Encoding: chunked']))
    for (const byte of record()) connection.socket.write(`1\r\n${byte}\r\n`)
    connection.socket.write('0\r\n\r\n')
    expect(await connection.answer()).toMatchObject({ status: 204, body: '' })
  })

  it('are asked for with 100 Continue when they are welcome', async () => {
    const connection = await open()
    connection.socket.write(
      rawHead('POST', '/exapp_storage/polite', ['Expect: 100-continue', `Content-Length: ${record().length}`]),
    )
    expect(await connection.answer()).toEqual({ status: 100, head: 'HTTP/1.1 100 Continue\r\n\r\n', body: '' })
    connection.socket.write(record())
    expect(await connection.answer()).toMatchObject({ status: 204 })
  })

  it('are refused before they are sent when the client waits with 2 MiB', async () => {
    const connection = await open()
    connection.socket.write(
      rawHead('POST', '/exapp_storage/polite', ['Expect: 100-continue', `Content-Length: ${2 * mebibyte}`]),
    )
    expect(await connection.answer()).toMatchObject({
      status: 413,
      head: expect.stringMatching(/connection: close/i),
      body: expect.stringMatching(/^413: /),
    })
    await connection.ended
    expect(connection.rest()).toBe('')
  })

  it('leave no stray byte behind on a kept connection', async () => {
    const connection = await open()
    const push = rawHead('POST', '/exapp_storage/kept', [`Content-Length: ${record().length}`]) + record()
    const ask = (text: string, to?: 'HEAD') => {
      connection.socket.write(text)
      return connection.answer(to)
    }
    const bare204 = { status: 204, head: expect.not.stringMatching(/content-length|transfer-encoding|content-type/i) }
    expect(await ask(push)).toMatchObject(bare204)
    expect(await ask(rawHead('DELETE', '/exapp_storage/kept'))).toMatchObject(bare204)
    expect(await ask(rawHead('DELETE', '/exapp_storage/kept'))).toMatchObject({ status: 404, body: '404: Not Found' })
    expect(await ask(push)).toMatchObject(bare204)
    expect(await ask(`${rawHead('PUT', '/info', ['Content-Length: 2'])}{}`)).toMatchObject({
      status: 405,
      body: '405: Method Not Allowed',
    })
    expect(await ask(`${rawHead('GET', '/heartbeat', ['Content-Length: 2'])}{}`)).toMatchObject({
      status: 200,
      body: '{"status":"ok"}',
    })
    expect(await ask(rawHead('HEAD', '/info'), 'HEAD')).toMatchObject({ status: 200 })
    expect(await ask(`${rawHead('POST', '/exapp_storage/kept', ['Content-Length: 1'])}{`)).toMatchObject({
      status: 400,
    })
    expect(await ask(`${rawHead('POST', '/unknown', ['Content-Length: 5'])}{"a":`)).toMatchObject({ status: 404 })
    expect(await ask(rawHead('GET', '/heartbeat'))).toMatchObject({ status: 200, body: '{"status":"ok"}' })
    expect(connection.rest()).toBe('')
  })

  it('that end too early change nothing', async () => {
    const connection = await open()
    const linesBefore = stage.plane.log.length
    connection.socket.write(
      rawHead('POST', '/exapp_storage/early', [`Content-Length: ${record().length + 1}`]) + record(),
    )
    connection.socket.end()
    await connection.ended
    await expect.poll(() => stage.plane.log.slice(linesBefore).map(({ outcome }) => outcome)).toEqual(['client-gone'])
    expect(await callApi(stage.port, '/exapp_storage/early', { method: 'DELETE' })).toMatchObject({ status: 404 })
  })
})
