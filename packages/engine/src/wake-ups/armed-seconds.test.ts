import { SECOND } from '@automagik-spark/core'
import { beforeEach, describe, expect, it } from 'vitest'
import { type ArmedSeconds, makeArmedSeconds } from './armed-seconds.ts'

const NOW = Date.parse('2026-01-01T00:00:00Z')
const ahead = (seconds: number): Date => new Date(NOW + seconds * SECOND)

describe('makeArmedSeconds', () => {
  let known: ArmedSeconds
  let calls: number
  const arm = async () => {
    calls += 1
    return true
  }

  beforeEach(() => {
    calls = 0
    known = makeArmedSeconds({ now: () => new Date(NOW) })
  })

  it('arms a second once, however many ask at once or later', async () => {
    await Promise.all([known.once(ahead(60), arm), known.once(ahead(60), arm)])
    await known.once(ahead(60), arm)
    expect(calls).toBe(1)
  })

  it('lets all who ask wait until it is armed', async () => {
    const events: string[] = []
    let finish = () => {}
    const first = known.once(
      ahead(60),
      () =>
        new Promise((resolve) => {
          finish = () => {
            events.push('armed')
            resolve(true)
          }
        }),
    )
    const second = known.once(ahead(60), arm).then(() => events.push('second'))
    finish()
    await Promise.all([first, second])
    expect(events).toEqual(['armed', 'second'])
  })

  it.each([-60, 0, 0.5])('always arms a second that comes in %d s, whose wake-up may be running', async (seconds) => {
    await known.once(ahead(seconds), arm)
    await known.once(ahead(seconds), arm)
    expect(calls).toBe(2)
  })

  it('arms again what could not be armed', async () => {
    await known.once(ahead(60), async () => false)
    await known.once(ahead(60), arm)
    expect(calls).toBe(1)
  })

  it('believes the store about the time that was asked for, and nothing more', async () => {
    for (const seconds of [59, 60, 61, 62]) await known.once(ahead(seconds), arm)
    known.replace(ahead(60), ahead(62), [ahead(61)])
    calls = 0
    await known.once(ahead(59), arm)
    await known.once(ahead(61), arm)
    await known.once(ahead(62), arm)
    expect(calls).toBe(0)
    await known.once(ahead(60), arm)
    expect(calls).toBe(1)
  })

  it('forgets rather than grow without end', async () => {
    known.add(Array.from({ length: 20_000 }, (_, i) => ahead(100 + i)))
    known.add([ahead(50)])
    await known.once(ahead(50), arm)
    await known.once(ahead(100), arm)
    expect(calls).toBe(1)
  })
})
