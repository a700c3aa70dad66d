/** What one ExApp's frpc is told. */
export interface HarpClient {
  /** The data plane's address for tunnels; this machine when left out. */
  readonly frpHost?: string
  readonly frpPort: number
  readonly sharedKey: string
  /** Folder of ca.crt, client.crt and client.key; undefined where the server has TLS switched off. */
  readonly certificates: string | undefined
  readonly appId: string
  readonly remotePort: number
  readonly unixSocket: string
}

/** The frpc configuration that HaRP's start script writes into an ExApp's container (HaRP contract §5.4). */
export const harpClientConfig = ({ frpHost = '127.0.0.1', frpPort, sharedKey, certificates, appId, remotePort, unixSocket }: HarpClient): string => `
serverAddr = "${frpHost}"
serverPort = ${frpPort}
loginFailExit = false
metadatas.token = "${sharedKey}"
${certificates === undefined ? 'transport.tls.enable = false' : withCertificates(certificates)}

[[proxies]]
name = "${appId}"
type = "tcp"
remotePort = ${remotePort}
[proxies.plugin]
type = "unix_domain_socket"
unixPath = "${unixSocket}"
`

const withCertificates = (folder: string): string => `transport.tls.enable = true
transport.tls.certFile = "${folder}/client.crt"
transport.tls.keyFile = "${folder}/client.key"
transport.tls.trustedCaFile = "${folder}/ca.crt"
transport.tls.serverName = "harp.nc"`
