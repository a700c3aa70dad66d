import { describe, expect, it } from 'vitest'
import { parseListenAddress } from './listen-address.ts'

describe('parseListenAddress', () => {
  it.each([
    ['0.0.0.0:8780', '0.0.0.0', 8780],
    ['127.0.0.1:0', '127.0.0.1', 0],
    [':8780', '0.0.0.0', 8780],
    ['*:8780', '0.0.0.0', 8780],
    ['[::]:8780', '::', 8780],
    ['[fd00::1]:65535', 'fd00::1', 65_535],
    ['[fe80::1%eth0]:1', 'fe80::1%eth0', 1],
    ['localhost:80', 'localhost', 80],
  ])('Q20: reads %s, IPv6 in brackets too', (text, host, port) => {
    expect(parseListenAddress(text)).toEqual({ host, port })
  })

  it.each(['', '8780', 'host', 'host:', 'host:http', 'host:65536', 'host:-1', '::1:8780', '[::1]', '[1.2.3.4]:80', '[host]:80', 'http://host:80', 'ho st:80', 'host:80 ', 'a:b:80'])(
    'refuses %j',
    (text) => {
      expect(parseListenAddress(text)).toBeUndefined()
    },
  )
})
