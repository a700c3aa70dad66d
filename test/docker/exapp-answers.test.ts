import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { EngineAnswer } from './engine-call.ts'
import { type Endpoint, exAppCall } from './exapp-call.ts'
import { EngineStage } from './engine-stage.ts'
import { type EngineScript, type ScriptedEngine, startScriptedEngine } from './scripted-engine.ts'

const C = 'nc_app_x'
const V = 'nc_app_x_data'
const inspect = `GET /containers/${C}/json`
const own = { name: 'x' }
const image = 'ghcr.io/a/b:1'
const imagePath = `/images/${encodeURIComponent(image)}`

/** What an engine says of a container in that state. */
const container = (state: object, more: object = {}) => ({
  status: 200,
  body: { Id: 'abc', Image: 'sha256:00', Created: '2026-01-01T00:00:00Z', Config: { Image: image, Tty: false, Env: [] }, State: { StartedAt: '2026-01-01T00:00:00Z', ...state }, ...more },
})
const running = { Status: 'running', Running: true }

interface Row {
  readonly endpoint: Endpoint
  readonly when: string
  readonly body?: object
  readonly script: EngineScript
  readonly status: number
  /** A pattern for reasons, which may say more than the contract's words; JSON in full. */
  readonly answer: RegExp | object | ''
  /** The changes that the engine was asked for; none unless given. */
  readonly changes?: readonly string[]
}

/** HaRP contract §6.4, endpoint by endpoint. */
const rows: readonly Row[] = [
  { endpoint: 'exists', when: 'there is one', script: { [inspect]: container(running) }, status: 200, answer: { exists: true, image_ref: image } },
  { endpoint: 'exists', when: 'its image has no name', script: { [inspect]: container(running, { Config: {} }) }, status: 200, answer: { exists: true, image_ref: 'sha256:00' } },
  { endpoint: 'exists', when: 'nothing is known of its image', script: { [inspect]: container(running, { Config: {}, Image: '' }) }, status: 200, answer: { exists: true, image_ref: '' } },
  { endpoint: 'exists', when: 'there is none', script: {}, status: 200, answer: { exists: false } },
  { endpoint: 'exists', when: 'the engine fails', script: { [inspect]: { status: 500 } }, status: 503, answer: /^An unexpected error occurred while checking container status\..*500/ }, // Q17: 500 in HaRP

  {
    endpoint: 'create',
    when: 'nothing is there yet',
    body: { image_id: image },
    script: { 'POST /volumes/create': { status: 201, body: {} }, 'POST /containers/create': { status: 201, body: { Id: 'abc' } } },
    status: 201,
    answer: { id: 'abc', name: C },
    changes: ['POST /volumes/create', 'POST /containers/create'],
  },
  {
    endpoint: 'create',
    when: 'the volume is there',
    body: { image: image },
    script: { [`GET /volumes/${V}`]: { status: 200, body: {} }, 'POST /containers/create': { status: 201, body: { Id: 'abc' } } },
    status: 201,
    answer: { id: 'abc', name: C },
    changes: ['POST /containers/create'],
  },
  { endpoint: 'create', when: 'the volume cannot be seen', body: { image_id: image }, script: { [`GET /volumes/${V}`]: { status: 500 } }, status: 503, answer: /^Error inspecting volume 'nc_app_x_data': Status 500/ },
  {
    endpoint: 'create',
    when: 'the volume cannot be made',
    body: { image_id: image },
    script: { 'POST /volumes/create': { status: 200, body: {} } },
    status: 503,
    answer: /^Failed to create volume 'nc_app_x_data': Status 200/,
    changes: ['POST /volumes/create'],
  },
  {
    endpoint: 'create',
    when: 'the name is taken',
    body: { image_id: image },
    script: { [`GET /volumes/${V}`]: { status: 200, body: {} }, 'POST /containers/create': { status: 409, body: { message: 'Conflict' } } },
    status: 409,
    answer: /^Container with name 'nc_app_x' already exists\.$/,
    changes: ['POST /containers/create'],
  },
  {
    endpoint: 'create',
    when: 'there is no such image',
    body: { image_id: image },
    script: { [`GET /volumes/${V}`]: { status: 200, body: {} }, 'POST /containers/create': { status: 404, body: { message: 'No such image: b:1' } } },
    status: 503,
    answer: /^Error creating container 'nc_app_x': Status 404.*No such image/,
    changes: ['POST /containers/create'],
  },

  { endpoint: 'start', when: 'it was stopped', script: { [`POST /containers/${C}/start`]: { status: 204 } }, status: 204, answer: '', changes: [`POST /containers/${C}/start`] },
  { endpoint: 'start', when: 'it runs', script: { [`POST /containers/${C}/start`]: { status: 304 } }, status: 200, answer: /^Container already started$/, changes: [`POST /containers/${C}/start`] },
  { endpoint: 'start', when: 'there is none', script: {}, status: 404, answer: /^Container 'nc_app_x' not found\.$/, changes: [`POST /containers/${C}/start`] },
  {
    endpoint: 'start',
    when: 'what it needs is not there, which engines call 404 too',
    script: { [inspect]: container({ Status: 'created' }), [`POST /containers/${C}/start`]: { status: 404, body: { message: 'network x not found' } } },
    status: 503,
    answer: /^Error starting container 'nc_app_x' via Docker Engine: Status 404: network x not found/,
    changes: [`POST /containers/${C}/start`],
  },
  {
    endpoint: 'start',
    when: 'it cannot start',
    script: { [`POST /containers/${C}/start`]: { status: 500, body: { message: 'exec: not found' } } },
    status: 503,
    answer: /^Error starting container 'nc_app_x' via Docker Engine: Status 500.*exec: not found/,
    changes: [`POST /containers/${C}/start`],
  },

  { endpoint: 'stop', when: 'it runs', script: { [`POST /containers/${C}/stop`]: { status: 204 } }, status: 204, answer: '', changes: [`POST /containers/${C}/stop`] },
  { endpoint: 'stop', when: 'it does not run', script: { [`POST /containers/${C}/stop`]: { status: 304 } }, status: 200, answer: /^Container already stopped$/, changes: [`POST /containers/${C}/stop`] },
  { endpoint: 'stop', when: 'there is none', script: {}, status: 404, answer: /^Container 'nc_app_x' not found\.$/, changes: [`POST /containers/${C}/stop`] },
  { endpoint: 'stop', when: 'it cannot be stopped', script: { [`POST /containers/${C}/stop`]: { status: 500 } }, status: 503, answer: /^Error stopping container 'nc_app_x' via Docker Engine: Status 500/, changes: [`POST /containers/${C}/stop`] },

  { endpoint: 'wait_for_start', when: 'it runs', script: { [inspect]: container(running) }, status: 200, answer: { started: true, status: 'running', health: null } },
  { endpoint: 'wait_for_start', when: 'it is healthy', script: { [inspect]: container({ ...running, Health: { Status: 'healthy' } }) }, status: 200, answer: { started: true, status: 'running', health: 'healthy' } },
  {
    endpoint: 'wait_for_start',
    when: 'it is unhealthy',
    script: { [inspect]: container({ ...running, Health: { Status: 'unhealthy' } }) },
    status: 200,
    answer: { started: true, status: 'running', health: 'unhealthy', reason: expect.stringMatching(/^unhealthy/) },
  },
  ...['', 'none'].map((health): Row => ({
    // Q26: HaRP waits to the end, Podman says so of every container.
    endpoint: 'wait_for_start',
    when: `its health is ${JSON.stringify(health)}`,
    script: { [inspect]: container({ ...running, Health: { Status: health } }) },
    status: 200,
    answer: { started: true, status: 'running', health: null },
  })),
  ...['paused', 'exited', 'dead'].map((state): Row => ({
    endpoint: 'wait_for_start',
    when: `it is ${state}`,
    script: { [inspect]: container({ Status: state }) },
    status: 200,
    answer: { started: false, status: state, health: null, reason: expect.stringMatching(new RegExp(`^non-recoverable state: ${state}`)) },
  })),
  { endpoint: 'wait_for_start', when: 'there is none', script: {}, status: 200, answer: { started: false, status: 'not_found', reason: 'container not found' } },
  { endpoint: 'wait_for_start', when: 'the engine fails', script: { [inspect]: { status: 500 } }, status: 503, answer: /^Error inspecting container 'nc_app_x': Status 500/ },

  ...[204, 404, 409].map((status): Row => ({
    endpoint: 'remove',
    when: `the engine says ${status}`,
    script: { [`DELETE /containers/${C}`]: { status } },
    status: 204,
    answer: '',
    changes: [`DELETE /containers/${C}`],
  })),
  { endpoint: 'remove', when: 'it cannot be removed', script: { [`DELETE /containers/${C}`]: { status: 500 } }, status: 503, answer: /^Error removing container 'nc_app_x' via Docker Engine: Status 500/, changes: [`DELETE /containers/${C}`] },
  ...[204, 404].map((status): Row => ({
    endpoint: 'remove',
    when: `its data goes too and the engine says ${status}`,
    body: { remove_data: true },
    script: { [`DELETE /containers/${C}`]: { status: 204 }, [`DELETE /volumes/${V}`]: { status } },
    status: 204,
    answer: '',
    changes: [`DELETE /containers/${C}`, `DELETE /volumes/${V}`],
  })),
  {
    endpoint: 'remove',
    when: 'its data is in use',
    body: { remove_data: 'yes' },
    script: { [`DELETE /containers/${C}`]: { status: 204 }, [`DELETE /volumes/${V}`]: { status: 409 } },
    status: 409,
    answer: /^Volume 'nc_app_x_data' is in use and could not be removed\.$/,
    changes: [`DELETE /containers/${C}`, `DELETE /volumes/${V}`],
  },
  {
    endpoint: 'remove',
    when: 'its data cannot be removed',
    body: { remove_data: 1 },
    script: { [`DELETE /containers/${C}`]: { status: 204 }, [`DELETE /volumes/${V}`]: { status: 500 } },
    status: 503,
    answer: /^Error removing volume 'nc_app_x_data' via Docker Engine: Status 500/,
    changes: [`DELETE /containers/${C}`, `DELETE /volumes/${V}`],
  },

  {
    endpoint: 'image_remove',
    when: 'its layers go',
    body: { image_ref: image },
    script: { [`GET ${imagePath}/json`]: { status: 200, body: { Size: 42 } }, [`DELETE ${imagePath}`]: { status: 200, body: [{ Untagged: image }, { Deleted: 'sha256:00' }] } },
    status: 200,
    answer: { deleted: true, bytes_freed: 42 },
    changes: [`DELETE ${imagePath}`],
  },
  {
    endpoint: 'image_remove',
    when: 'only the name goes',
    body: { image_ref: image },
    script: { [`GET ${imagePath}/json`]: { status: 200, body: { Size: 42 } }, [`DELETE ${imagePath}`]: { status: 200, body: [{ Untagged: image }] } },
    status: 200,
    answer: { deleted: true, bytes_freed: 0 },
    changes: [`DELETE ${imagePath}`],
  },
  { endpoint: 'image_remove', when: 'there is none', body: { image_ref: image }, script: {}, status: 200, answer: { deleted: true, bytes_freed: 0, reason: 'not_found' } },
  {
    endpoint: 'image_remove',
    when: 'it is gone meanwhile',
    body: { image_ref: image },
    script: { [`GET ${imagePath}/json`]: { status: 200, body: { Size: 42 } } },
    status: 200,
    answer: { deleted: true, bytes_freed: 0, reason: 'not_found' },
    changes: [`DELETE ${imagePath}`],
  },
  ...[
    { when: 'it cannot be seen', seen: { status: 500 } },
    { when: 'what is said of it is no JSON', seen: { status: 200, body: '<html>' } },
  ].map(({ when, seen }): Row => ({
    endpoint: 'image_remove',
    when,
    body: { image_ref: image },
    script: { [`GET ${imagePath}/json`]: seen, [`DELETE ${imagePath}`]: { status: 200, body: [{ Deleted: 'sha256:00' }] } },
    status: 200,
    answer: { deleted: true, bytes_freed: 0 },
    changes: [`DELETE ${imagePath}`],
  })),
  {
    endpoint: 'image_remove',
    when: 'a container uses it',
    body: { image_ref: image },
    script: { [`GET ${imagePath}/json`]: { status: 200, body: { Size: 42 } }, [`DELETE ${imagePath}`]: { status: 409 } },
    status: 200,
    answer: { deleted: false, reason: 'in_use' },
    changes: [`DELETE ${imagePath}`],
  },
  {
    endpoint: 'image_remove',
    when: 'the engine fails',
    body: { image_ref: image },
    script: { [`GET ${imagePath}/json`]: { status: 200, body: { Size: 42 } }, [`DELETE ${imagePath}`]: { status: 500 } },
    status: 503,
    answer: /^Error removing image 'ghcr\.io\/a\/b:1' via Docker Engine: Status 500/,
    changes: [`DELETE ${imagePath}`],
  },

  { endpoint: 'install_certificates', when: 'there is no container', script: {}, status: 404, answer: /^Container 'nc_app_x' not found\.$/ },
  { endpoint: 'install_certificates', when: 'the container cannot be seen', script: { [inspect]: { status: 500 } }, status: 503, answer: /^Failed to inspect container: Status 500/ },
]

/** Status, type and content, which is read where it is JSON. */
function shown({ status, headers, text }: EngineAnswer): object {
  const type = headers['content-type']
  return { status, type, content: type?.startsWith('application/json') === true ? JSON.parse(text) : text }
}

function expected(answer: Row['answer']): object {
  if (answer === '') return { type: undefined, content: '' }
  if (answer instanceof RegExp) return { type: 'text/plain; charset=utf-8', content: matching(answer) }
  return { type: 'application/json; charset=utf-8', content: answer }
}

const matching = (pattern: RegExp): unknown => expect.stringMatching(pattern)

describe('AppAPI is answered', () => {
  let stage: EngineStage
  let engine: ScriptedEngine
  beforeAll(async () => {
    stage = await EngineStage.set({ localSocket: 'docker.sock' })
    engine = await startScriptedEngine(stage)
  })
  afterAll(() => stage[Symbol.asyncDispose]())

  it.each(rows)('by $endpoint with $status when $when', async ({ endpoint, body, script, status, answer, changes = [] }) => {
    engine.say(script)
    const given = await exAppCall(stage, endpoint, { ...own, instance_id: '', ...body })
    expect(shown(given)).toEqual({ status, ...expected(answer) })
    expect(engine.asked.filter((call) => !call.startsWith('GET '))).toEqual(changes)
  })

  it.each([
    ['', '', C],
    ['oc1', '', 'nc_app_oc1_x'],
    ['', 'RP_1', 'nc_app_x_RP_1'],
    ['oc1', 'RP_1', 'nc_app_oc1_x_RP_1'],
  ])('about the container of instance %j and role %j: %s', async (instance_id, role_suffix, expected) => {
    engine.say({})
    await exAppCall(stage, 'stop', { ...own, instance_id, role_suffix })
    expect(engine.asked).toEqual([`POST /containers/${expected}/stop`])
  })
})
