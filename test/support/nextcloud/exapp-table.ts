/** One route of an ExApp as AppAPI serves it; database drivers and old rows make the last two fields vary in type. */
export interface ExAppRoute {
  readonly url: string
  readonly access_level: 0 | 1 | 2 | '0' | '1' | '2'
  readonly bruteforce_protection?: readonly (number | string)[] | Readonly<Record<string, number>> | null
}

/** An ExApp known to Nextcloud, with AppAPI's names for its fields and defaults that suit most tests. */
export interface RegisteredExApp {
  readonly appId: string
  readonly port: number
  /** `127.0.0.1` when left out, which also stands for "the tunnel with that remote port". */
  readonly host?: string
  /** The app's secret, `token-of-<appId>` when left out. */
  readonly exapp_token?: string
  readonly exapp_version?: string
  readonly routes?: readonly ExAppRoute[]
  /** Where the start page links to, relative to `/exapps/<appId>/`. */
  readonly page?: string
}

/** The body of `exapp-meta` (AppAPI contract §8.1). */
export interface ExAppMeta {
  readonly exapp_token: string
  readonly exapp_version: string
  readonly host: string
  readonly port: number
  readonly routes: readonly ExAppRoute[]
}

/** The ExApps that are registered; ids are compared case-sensitively, as AppAPI does. */
export class ExAppTable {
  #exapps = new Map<string, RegisteredExApp>()

  get all(): readonly RegisteredExApp[] {
    return [...this.#exapps.values()]
  }

  add(exapp: RegisteredExApp): void {
    this.#exapps.set(exapp.appId, exapp)
  }

  remove(appId: string): void {
    this.#exapps.delete(appId)
  }

  has(appId: string): boolean {
    return this.#exapps.has(appId)
  }

  metaOf(appId: string): ExAppMeta | undefined {
    const exapp = this.#exapps.get(appId)
    if (!exapp) return undefined
    return {
      exapp_token: exapp.exapp_token ?? `token-of-${exapp.appId}`,
      exapp_version: exapp.exapp_version ?? '1.0.0',
      host: exapp.host ?? '127.0.0.1',
      port: exapp.port,
      routes: (exapp.routes ?? []).map((route) => ({ bruteforce_protection: [], ...route })),
    }
  }
}
