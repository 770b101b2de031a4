import { expect, it } from 'vitest'
import { makeDbClock } from './clock.ts'

it("tells PostgreSQL's time once it has learnt it, and how far this machine is off", () => {
  const wall = Date.UTC(2026, 0, 1)
  const clock = makeDbClock(() => wall)
  expect(Math.abs(clock.now().getTime() - wall)).toBeLessThan(1_000)
  clock.learn(new Date(wall + 30_000), 10)
  expect(Math.abs(clock.now().getTime() - (wall + 30_005))).toBeLessThan(1_000)
  expect(Math.abs(clock.skewMs() + 30_005)).toBeLessThan(1_000)
})

it('is not moved by a jump of the machine’s own clock', () => {
  let wall = Date.UTC(2026, 0, 1)
  const clock = makeDbClock(() => wall)
  clock.learn(new Date(wall), 0)
  const before = clock.now().getTime()
  wall += 3_600_000
  expect(clock.now().getTime() - before).toBeLessThan(1_000)
  expect(clock.skewMs()).toBeGreaterThan(3_590_000)
})
