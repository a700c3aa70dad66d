#!/bin/sh
# Entry point of the test images: as in published ExApp images, the tunnel client runs beside the program it is given.
set -e
if [ -n "$HP_SHARED_KEY" ]; then
  config=/frpc.toml
  [ -w / ] || config=/tmp/frpc.toml # not root
  umask_before=$(umask)
  umask 077 # it holds the token
  {
    echo "serverAddr = \"$HP_FRP_ADDRESS\""
    echo "serverPort = $HP_FRP_PORT"
    echo 'loginFailExit = false'
    echo "metadatas.token = \"$HP_SHARED_KEY\""
    if [ -d /certs/frp ]; then
      echo 'transport.tls.enable = true'
      echo 'transport.tls.certFile = "/certs/frp/client.crt"'
      echo 'transport.tls.keyFile = "/certs/frp/client.key"'
      echo 'transport.tls.trustedCaFile = "/certs/frp/ca.crt"'
      echo 'transport.tls.serverName = "harp.nc"'
    else
      echo 'transport.tls.enable = false'
    fi
    echo '[[proxies]]'
    echo "name = \"$APP_ID\""
    echo 'type = "tcp"'
    echo "remotePort = $APP_PORT"
    echo '[proxies.plugin]'
    echo 'type = "unix_domain_socket"'
    echo 'unixPath = "/tmp/exapp.sock"'
  } > "$config"
  umask "$umask_before"
  frpc -c "$config" &
fi
exec "$@"
