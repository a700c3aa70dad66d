/** Flat list of names and values, as Node and undici take them. */
export type FlatHeaders = string[]

/** The header lines of a request by lower-case name. Of a repeated header the last line counts (HaRP contract §3.1). */
export interface RequestHead {
  readonly last: ReadonlyMap<string, string>
  /** All cookie lines joined, as Nextcloud would see them. */
  readonly cookies: string | undefined
  /** All `X-Forwarded-For` lines joined, in their order. */
  readonly forwardedFor: string | undefined
  readonly hostLines: number
}

/** Reads the flat list of names and values that Node's parser gives (`rawHeaders`). */
export function readHead(rawHeaders: readonly string[]): RequestHead {
  const last = new Map<string, string>()
  let cookies: string | undefined
  let forwardedFor: string | undefined
  let hostLines = 0
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = (rawHeaders[index] ?? '').toLowerCase()
    const value = rawHeaders[index + 1] ?? ''
    if (name === 'cookie') cookies = cookies === undefined ? value : `${cookies}; ${value}`
    else if (name === 'x-forwarded-for') forwardedFor = forwardedFor === undefined ? value : `${forwardedFor},${value}`
    else if (name === 'host') hostLines++
    last.set(name, value)
  }
  return { last, cookies, forwardedFor, hostLines }
}

/** The value of a cookie, name compared case-sensitively; `undefined` when absent or empty. */
export function cookieValue(cookies: string | undefined, name: string): string | undefined {
  if (cookies === undefined || !cookies.includes(name)) return undefined
  for (const pair of cookies.split(';')) {
    const equals = pair.indexOf('=')
    if (equals < 0 || pair.slice(0, equals).trim() !== name) continue
    const value = pair.slice(equals + 1).trim()
    if (value !== '') return value
  }
  return undefined
}
