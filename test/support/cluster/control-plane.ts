import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type ChildProcess, startProcess } from '../peers/child-process.ts'
import { ensureKubernetes, type KubernetesPrograms } from '../peers/kubernetes.ts'
import { run } from '../peers/run.ts'
import { Pki } from './pki.ts'

/** Starts took 6 s; the rest is room for a busy machine. */
const READY_TIMEOUT_MS = 120_000

/** One command of kubectl. */
const COMMAND_TIMEOUT_MS = 60_000

/** A real API server with etcd and the controller manager, on loopback. There is no node: Pods stay pending. */
export interface ControlPlane {
  /** For `KubeConfig.loadFromFile`: cluster-admin. */
  readonly kubeConfig: string
  /** Runs kubectl as cluster-admin; gives its standard output. `input` is put into a file that `-f` is added for. */
  readonly kubectl: (...args: readonly string[]) => Promise<string>
  /** Ends the API server, as an upgrade of a single-node control plane does, and starts it again. */
  readonly restartApiServer: () => Promise<void>
  readonly stop: () => Promise<void>
}

/** Starts a control plane. @throws MissingPeer when it cannot be built */
export async function startControlPlane(): Promise<ControlPlane> {
  const programs = await ensureKubernetes()
  const folder = await mkdtemp(path.join(tmpdir(), 'harpoon-cluster-'))
  const [port, etcdPort, etcdPeerPort, managerPort] = await freePorts(4)
  const server = `https://127.0.0.1:${port}`
  const pki = await issueAll(path.join(folder, 'pki'))
  const kubeConfig = await pki.kubeConfig('admin', server)
  const managerConfig = await pki.kubeConfig('kube-controller-manager', server)
  const kubectl = (...args: readonly string[]): Promise<string> =>
    run({ program: programs.kubectl, args: ['--kubeconfig', kubeConfig, ...args], env: { HOME: folder } }, COMMAND_TIMEOUT_MS)

  const etcd = await startProcess({ program: programs.etcd, args: etcdArguments(path.join(folder, 'etcd'), Number(etcdPort), Number(etcdPeerPort)) })
  const startApiServer = async (): Promise<ChildProcess> => {
    const apiServer = await startProcess({ program: programs['kube-apiserver'], args: apiServerArguments(pki, Number(port), Number(etcdPort)) })
    await untilReady(apiServer, () => kubectl('get', '--raw', '/readyz'))
    return apiServer
  }
  let apiServer = await startApiServer()
  // Only now: it exits when the API server's RBAC roles are not there yet.
  const manager = await startManager(programs, { pki, managerConfig, folder, port: Number(managerPort) })
  await untilReady(manager, () => kubectl('get', 'serviceaccount', 'default', '--namespace', 'default'))
  return {
    kubeConfig,
    kubectl,
    restartApiServer: async () => {
      await apiServer.stop()
      apiServer = await startApiServer()
    },
    stop: async () => {
      await Promise.all([manager.stop(), apiServer.stop()])
      await etcd.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

async function issueAll(folder: string): Promise<Pki> {
  const pki = await Pki.create(folder)
  await pki.issue('apiserver', '/CN=kube-apiserver', ['DNS:kubernetes.default.svc', 'DNS:localhost', 'IP:127.0.0.1', 'IP:10.96.0.1'])
  await pki.issue('admin', '/O=system:masters/CN=admin')
  await pki.issue('kube-controller-manager', '/CN=system:kube-controller-manager')
  return pki
}

/** No fsync: it holds nothing worth keeping. */
const etcdArguments = (folder: string, port: number, peerPort: number): readonly string[] => [
  '--name=test',
  `--data-dir=${folder}`,
  '--unsafe-no-fsync',
  '--log-level=warn',
  `--listen-client-urls=http://127.0.0.1:${port}`,
  `--advertise-client-urls=http://127.0.0.1:${port}`,
  `--listen-peer-urls=http://127.0.0.1:${peerPort}`,
  `--initial-advertise-peer-urls=http://127.0.0.1:${peerPort}`,
  `--initial-cluster=test=http://127.0.0.1:${peerPort}`,
]

const apiServerArguments = (pki: Pki, port: number, etcdPort: number): readonly string[] => [
  `--etcd-servers=http://127.0.0.1:${etcdPort}`,
  '--bind-address=127.0.0.1',
  '--advertise-address=127.0.0.1',
  `--secure-port=${port}`,
  '--endpoint-reconciler-type=none', // it refuses to publish a loopback address
  `--tls-cert-file=${pki.cert('apiserver')}`,
  `--tls-private-key-file=${pki.key('apiserver')}`,
  `--client-ca-file=${pki.cert('ca')}`,
  '--authorization-mode=RBAC',
  '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
  `--service-account-key-file=${pki.tokenKey}`,
  `--service-account-signing-key-file=${pki.key('sa')}`,
  '--service-cluster-ip-range=10.96.0.0/16',
  '--profiling=false',
]

const startManager = (programs: KubernetesPrograms, { pki, managerConfig, folder, port }: { pki: Pki; managerConfig: string; folder: string; port: number }): Promise<ChildProcess> =>
  startProcess({
    program: programs['kube-controller-manager'],
    args: [
      `--kubeconfig=${managerConfig}`,
      `--authentication-kubeconfig=${managerConfig}`,
      `--authorization-kubeconfig=${managerConfig}`,
      '--bind-address=127.0.0.1',
      `--secure-port=${port}`,
      `--cert-dir=${path.join(folder, 'manager')}`,
      '--leader-elect=false',
      '--kube-api-qps=1000', // with its own limit of 20 it needs 6 s to begin
      '--kube-api-burst=2000',
      '--use-service-account-credentials',
      `--service-account-private-key-file=${pki.key('sa')}`,
      `--root-ca-file=${pki.cert('ca')}`,
      `--flex-volume-plugin-dir=${path.join(folder, 'volumes')}`,
    ],
  })

async function untilReady(program: ChildProcess, probe: () => Promise<unknown>): Promise<void> {
  let ended = false
  void program.exited.then(() => (ended = true))
  for (const giveUpAt = performance.now() + READY_TIMEOUT_MS; ; await delay(100)) {
    try {
      await probe()
      return
    } catch (error) {
      if (!ended && performance.now() < giveUpAt) continue
      throw new Error(`the control plane ${ended ? 'ended' : 'is not ready'}:\n${program.output().slice(-3000)}`, { cause: error })
    }
  }
}

/** Ports that nothing listens on now; all are held until the last one is known. */
async function freePorts(count: number): Promise<readonly number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, () => new Promise<ReturnType<typeof createServer>>((resolve, reject) => {
      const server = createServer().once('error', reject)
      server.listen(0, '127.0.0.1', () => resolve(server))
    })),
  )
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(servers.map((server) => new Promise((closed) => server.close(closed))))
  return ports
}
