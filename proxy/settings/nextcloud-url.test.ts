import { describe, expect, it } from 'vitest'
import { parseNextcloudUrl } from './nextcloud-url.ts'

describe('parseNextcloudUrl', () => {
  it.each([
    ['http://nextcloud', 'http://nextcloud/'],
    ['https://cloud.example.org/', 'https://cloud.example.org/'],
    ['https://cloud.example.org:8443/index.php', 'https://cloud.example.org:8443/'],
    ['https://cloud.example.org/index.php/', 'https://cloud.example.org/'],
    ['http://nextcloud/sub/folder/', 'http://nextcloud/sub/folder'],
    ['http://nextcloud/sub/index.php', 'http://nextcloud/sub'],
    ['http://[fd00::1]:8080', 'http://[fd00::1]:8080/'],
  ])('cleans %s', (text, href) => {
    expect(parseNextcloudUrl(text)?.href).toBe(href)
  })

  it.each(['', 'nextcloud', '//nextcloud', '/index.php', 'ftp://nextcloud', 'http://', 'http://user@nextcloud', 'http://:password@nextcloud', 'http://nextcloud?x=1', 'http://nextcloud#x', 'http://next cloud'])(
    'refuses %j',
    (text) => {
      expect(parseNextcloudUrl(text)).toBeUndefined()
    },
  )
})
