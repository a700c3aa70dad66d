import type { ClientFiles } from '../../certificates/read.ts'
import type { InstalledFiles } from '../../certificates/client-renewal.ts'
import type { ContainerFiles } from './container-files.ts'

/** Where frpc looks in every ExApp image (HaRP contract §5.4); that the folder is there tells its start script to use TLS. */
const place = { ca: '/certs/frp/ca.crt', cert: '/certs/frp/client.crt', key: '/certs/frp/client.key' } as const

/** Gives an ExApp what its frpc needs, in one archive. */
export const writeTunnelFiles = (files: ContainerFiles, { ca, cert, key }: ClientFiles): Promise<void> =>
  files.write({ [place.ca]: ca, [place.cert]: cert, [place.key]: key })

/** What an ExApp has; `undefined` for one that has never had a client certificate. */
export async function readTunnelFiles(files: ContainerFiles): Promise<InstalledFiles | undefined> {
  const text = async (path: string): Promise<string | undefined> => (await files.read(path))?.content.toString('utf8')
  const cert = await text(place.cert)
  return cert === undefined ? undefined : { cert, key: await text(place.key), ca: await text(place.ca) }
}
