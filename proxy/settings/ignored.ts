const noAgent = 'there is no separate agent to wait for or to watch'
const noBackend = 'this version deploys no ExApps on Kubernetes itself'

/** HaRP's settings that mean nothing here. They are accepted, so that a HaRP environment starts unchanged, and said to be unused. */
export const ignoredSettings: Readonly<Record<string, string>> = {
  HP_SPOA_ADDRESS: 'requests are decided in the same process',
  HP_WATCHDOG_ENABLED: noAgent,
  HP_WATCHDOG_INTERVAL: noAgent,
  HP_WATCHDOG_FAILS: noAgent,
  HP_WAIT_AGENT_HTTP: noAgent,
  HP_WAIT_SPOA: noAgent,
  HP_WAIT_FRP: noAgent,
  HP_WAIT_INTERVAL: noAgent,
  HP_K8S_ENABLED: noBackend,
  HP_K8S_NAMESPACE: noBackend,
  HP_K8S_API_SERVER: noBackend,
  HP_K8S_BEARER_TOKEN: noBackend,
  HP_K8S_BEARER_TOKEN_FILE: noBackend,
  HP_K8S_CA_FILE: noBackend,
  HP_K8S_VERIFY_SSL: noBackend,
  HP_K8S_STORAGE_CLASS: noBackend,
  HP_K8S_DEFAULT_STORAGE_SIZE: noBackend,
  HP_K8S_HOST_ALIASES: noBackend,
}
