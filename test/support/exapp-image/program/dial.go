package main

import (
	"fmt"
	"log"
	"os"
	"os/exec"
)

const frpcConfig = "/tmp/frpc.toml"

// Does what start.sh does, where there is no shell to run it.
func dial() {
	key := os.Getenv("HP_SHARED_KEY")
	if key == "" {
		return
	}
	tls := "transport.tls.enable = false\n"
	if folder, err := os.Stat("/certs/frp"); err == nil && folder.IsDir() {
		tls = `transport.tls.enable = true
transport.tls.certFile = "/certs/frp/client.crt"
transport.tls.keyFile = "/certs/frp/client.key"
transport.tls.trustedCaFile = "/certs/frp/ca.crt"
transport.tls.serverName = "harp.nc"
`
	}
	config := fmt.Sprintf(`serverAddr = "%s"
serverPort = %s
loginFailExit = false
metadatas.token = "%s"
%s[[proxies]]
name = "%s"
type = "tcp"
remotePort = %s
[proxies.plugin]
type = "unix_domain_socket"
unixPath = "%s"
`, os.Getenv("HP_FRP_ADDRESS"), os.Getenv("HP_FRP_PORT"), key, tls, os.Getenv("APP_ID"), os.Getenv("APP_PORT"), socketPath)
	if err := os.WriteFile(frpcConfig, []byte(config), 0o600); err != nil {
		log.Fatal(err)
	}
	frpc := exec.Command("/usr/local/bin/frpc", "-c", frpcConfig)
	frpc.Stdout, frpc.Stderr = os.Stdout, os.Stderr
	if err := frpc.Start(); err != nil {
		log.Fatal(err)
	}
}
