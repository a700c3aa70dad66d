import type { Endpoint } from './exapp-call.ts'

/** A body with which every endpoint would have something to do. */
export const own = { name: 'x', instance_id: '', image_id: 'ghcr.io/a/b:1', image_ref: 'ghcr.io/a/b:1' }

/** Bodies that are no JSON object of the contract: what, the bytes, the answer. */
export const bodies: readonly (readonly [what: string, body: string | Buffer, answer: RegExp])[] = [
  ['nothing', '', /^Invalid JSON body/],
  ['broken JSON', '{"name":"x"', /^Invalid JSON body/],
  ['two documents', '{"name":"x"}{}', /^Invalid JSON body/],
  ['a form', 'name=x', /^Invalid JSON body/],
  ['bytes that are no UTF-8', Buffer.from([...Buffer.from('{"name":"'), 0xFF, ...Buffer.from('"}')]), /^Invalid JSON body/],
  ['a list', '["x"]', /^Payload validation error: /],
  ['a text', '"x"', /^Payload validation error: /],
  ['null', 'null', /^Payload validation error: /],
  ['an object without anything', '{}', /^Payload validation error: .*(name|image_ref)/],
]

/** Fields of the wrong type or with hostile content. */
export const fields: readonly (readonly [Endpoint, object, RegExp])[] = [
  ['exists', { name: 1 }, /name/],
  ['exists', { name: null }, /name/],
  ['exists', { name: ['x'] }, /name/],
  ['exists', { instance_id: null }, /instance_id/],
  ['exists', { role_suffix: 1 }, /role_suffix/],
  ['create', { image_id: null, image: null }, /image/],
  ['create', { image_id: 1 }, /image_id/],
  ['create', { image_id: '' }, /image_id/],
  ['create', { network_mode: null }, /network_mode/],
  ['create', { network_mode: 'container:other' }, /network_mode/],
  ['create', { environment_variables: 'A=1' }, /environment_variables/],
  ['create', { environment_variables: [1] }, /environment_variables/],
  ['create', { environment_variables: [null] }, /environment_variables/],
  ['create', { restart_policy: 1 }, /restart_policy/],
  ['create', { compute_device: 'tpu' }, /compute_device/],
  ['create', { compute_device: 1 }, /compute_device/],
  ['create', { mount_points: {} }, /mount_points/],
  ['create', { mount_points: ['/a:/b'] }, /mount_points/],
  ['create', { mount_points: [{ source: '/a' }] }, /mount_points\.0\.target/],
  ['create', { mount_points: [{ source: 1, target: '/b' }] }, /mount_points\.0\.source/],
  ['create', { mount_points: [{ source: '/a/../etc', target: '/b' }] }, /mount_points\.0\.source/],
  ['create', { mount_points: [{ source: 'a', target: '/b' }] }, /mount_points\.0\.source/],
  ['create', { mount_points: [{ source: '/a', target: '/b', mode: 1 }] }, /mount_points\.0\.mode/],
  ['create', { resource_limits: [] }, /resource_limits/],
  ['create', { resource_limits: { memory: 'much' } }, /resource_limits\.memory/],
  ['create', { resource_limits: { nanoCPUs: -1 } }, /resource_limits\.nanoCPUs/],
  ['remove', { remove_data: 'perhaps' }, /remove_data/],
  ['remove', { remove_data: null }, /remove_data/],
  ['remove', { remove_data: 2 }, /remove_data/],
  ['image_remove', { image_ref: '' }, /image_ref/],
  ['image_remove', { image_ref: 1 }, /image_ref/],
  ['image_remove', { image_ref: '../containers/x' }, /image_ref/],
  ['image_remove', { image_ref: 'a?force=true' }, /image_ref/],
  ['install_certificates', { system_certs_bundle: 1 }, /system_certs_bundle/],
  ['install_certificates', { install_frp_certs: 'maybe' }, /install_frp_certs/],
  ['install_certificates', { install_frp_certs: null }, /install_frp_certs/],
]

/** Names that would be another path of the engine, another host name or another line somewhere. */
export const hostileNames = [
  '', '.', '..', '../x', '..%2fx', 'a/b', 'a\\b', '/x', 'a?force=true', 'a#b', 'a%2fb', 'a b', ' x', 'x ', 'a\nb', 'a\r\nX-Injected: 1', 'a\0b', 'é', '名', 'a'.repeat(300), '-x', '$(x)', 'a;b', 'a:b', 'a@b',
]
