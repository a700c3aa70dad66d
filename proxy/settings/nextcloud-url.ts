export const nextcloudUrlAccepted = 'the base URL of Nextcloud, such as https://cloud.example.org or http://nextcloud/subfolder'

/** Cleans Nextcloud's base URL as HaRP does: one trailing slash, then one trailing `/index.php` is cut (contract §1.1). */
export function parseNextcloudUrl(text: string): URL | undefined {
  const cleaned = text.replace(/\/$/, '').replace(/\/index\.php$/, '')
  if (!URL.canParse(cleaned)) return undefined
  const url = new URL(cleaned)
  const usable = (url.protocol === 'http:' || url.protocol === 'https:') && url.hostname !== '' && url.username === '' && url.password === ''
  return usable && url.search === '' && url.hash === '' ? url : undefined
}
