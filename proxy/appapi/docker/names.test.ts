import fc from 'fast-check'
import { expect, it } from 'vitest'
import { namesOf, namesSchema } from './names.ts'

it('are HaRP’s', () => {
  expect(namesOf(namesSchema.parse({ name: 'My_App' }))).toEqual({
    app: 'My_App',
    base: 'nc_app_My_App',
    container: 'nc_app_My_App',
    volume: 'nc_app_My_App_data',
  })
  expect(namesOf(namesSchema.parse({ name: 'My_App', instance_id: 'oc1', role_suffix: 'RP_1' }))).toEqual({
    app: 'My_App',
    base: 'nc_app_oc1_My_App',
    container: 'nc_app_oc1_My_App_RP_1',
    volume: 'nc_app_oc1_My_App_data',
  })
})

it.each(['', '.', '..', '../x', '.x', '-x', 'a/b', 'a b', 'a?b', 'a#b', 'a%2f', 'a\n', 'é', 'a'.repeat(64), 1, null, undefined, ['a']])(
  'are refused for an app named %j',
  (name) => {
    expect(namesSchema.safeParse({ name }).success).toBe(false)
  },
)

it.each(['/', '../..', 'a b', '?', 'a'.repeat(64), 1, null])('are refused for an instance or a role of %j', (part) => {
  expect(namesSchema.safeParse({ name: 'x', instance_id: part }).success).toBe(false)
  expect(namesSchema.safeParse({ name: 'x', role_suffix: part }).success).toBe(false)
})

it('Q18: never mean another path on an engine, whatever passes', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), fc.string(), (name, instance_id, role_suffix) => {
      const read = namesSchema.safeParse({ name, instance_id, role_suffix })
      if (!read.success) return
      for (const made of [namesOf(read.data).container, namesOf(read.data).volume]) {
        expect(new URL(`http://engine/containers/${made}/json`).pathname).toBe(`/containers/${made}/json`)
        expect(made).toMatch(/^nc_app_[\w.-]+$/)
      }
    }),
  )
})
