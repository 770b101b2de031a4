import { expect, it } from 'vitest'
import { makeIds } from './ids.ts'

const at = (ms: number) => {
  let now = ms
  return { ids: makeIds({ now: () => new Date(now) }), set: (next: number) => (now = next) }
}

it('makes version 7 UUIDs that hold their time', () => {
  const { ids } = at(Date.UTC(2026, 0, 1))
  const id = ids.next()
  expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  expect(parseInt(id.replaceAll('-', '').slice(0, 12), 16)).toBe(Date.UTC(2026, 0, 1))
})

it('makes each id greater than the one before, within a millisecond and when the clock goes back', () => {
  const { ids, set } = at(1_000_000)
  const made = Array.from({ length: 20_000 }, () => ids.next())
  set(999_000)
  made.push(ids.next())
  set(1_000_001)
  made.push(ids.next())
  made.forEach((id, i) => i > 0 && expect(id > made[i - 1]!).toBe(true))
  expect(parseInt(made[19_999]!.replaceAll('-', '').slice(0, 12), 16)).toBe(1_000_000)
})

it('makes another token each time', () => {
  const { ids } = at(0)
  expect(ids.token()).not.toBe(ids.token())
})
