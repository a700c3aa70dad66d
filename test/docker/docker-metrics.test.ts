import { expect, it } from 'vitest'
import { EngineStage } from './engine-stage.ts'
import { exAppCall } from './exapp-call.ts'
import { startScriptedEngine } from './scripted-engine.ts'

it('counts calls by endpoint and outcome, with words of ours only', async () => {
  await using stage = await EngineStage.set({ localSocket: 'docker.sock', environment: { HARPOON_ALLOWED_REGISTRIES: 'ghcr.io', HP_TIMEOUT_CONNECT: '500ms' } })
  const engine = await startScriptedEngine(stage)
  engine.say({ 'POST /containers/nc_app_x/start': { status: 500 }, 'POST /containers/nc_app_x/stop': { status: 304 } })
  const own = { name: 'x' }
  await exAppCall(stage, 'exists', own)
  await exAppCall(stage, 'exists', own)
  await exAppCall(stage, 'exists', '{')
  await exAppCall(stage, 'exists', own, { engine: '24001' })
  await exAppCall(stage, 'start', own)
  await exAppCall(stage, 'stop', own)
  await exAppCall(stage, 'create', { ...own, image_id: 'evil.example/a' })
  const metrics = await (await fetch(`http://127.0.0.1:${stage.plane.ports.admin}/metrics`)).text()
  expect(metrics.split('\n').filter((line) => line.startsWith('harpoon_docker_calls_total')).toSorted()).toEqual([
    'harpoon_docker_calls_total{endpoint="create",outcome="not-allowed"} 1',
    'harpoon_docker_calls_total{endpoint="exists",outcome="control-api"} 1',
    'harpoon_docker_calls_total{endpoint="exists",outcome="engine-unreachable"} 1',
    'harpoon_docker_calls_total{endpoint="exists",outcome="ok"} 2',
    'harpoon_docker_calls_total{endpoint="start",outcome="engine-refusal"} 1',
    'harpoon_docker_calls_total{endpoint="stop",outcome="ok"} 1',
  ])
  expect(metrics).toContain('harpoon_docker_call_duration_seconds_count{endpoint="exists"} 4')
})
