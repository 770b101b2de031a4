import { patient } from '@automagik-spark/testing'
import { expect, it } from 'vitest'
import { runStorm } from './storm/storm.ts'

// The same seed everywhere, so that a failure can be had again; `npm run storm` takes others.
it(
  'a minute of kills, crashes and emptied stores: nothing is lost, nothing is called twice, nothing is stuck',
  async ({ skip }) => {
    const result = await runStorm(
      { seconds: 60, seed: 20_261_124, store: 'mongodb', faults: 0, workers: 2, leaseSeconds: 4 },
      () => undefined,
    )
    if (!result) return skip('no Mongo server is to be had here')
    expect(result.wrong).toEqual([])
    expect(
      Number(result.counts.kills) + Number(result.counts.freezes) + Number(result.counts.terms),
    ).toBeGreaterThanOrEqual(30)
    expect(result.counts.big).toEqual([
      'the store of wake-ups is restarted',
      'PostgreSQL crashes',
      'the store of wake-ups is emptied',
    ])
  },
  patient(900_000),
) // longer than all of its own waits, so that it ends by saying what is wrong
