import type { TemporaryServer } from '@automagik-spark/db/testing'
import { startTemporaryServer } from '@automagik-spark/db/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Lanes } from './crash/lanes.ts'
import { makeLanes } from './crash/lanes.ts'
import { ALWAYS, play, strikesOf } from './crash/scenario.ts'
import { scenarios, thatArm } from './crash/scenarios.ts'
import type { Victims } from './crash/victims.ts'
import { makeVictims } from './crash/victims.ts'
import type { E2eMongo } from './mongo.ts'
import { openMongo } from './mongo.ts'
import { removeDir, tempDir } from './spark.ts'

/** As many as vitest runs at once. */
const LANES = 5
const HOW = { before: 'killed before', after: 'killed after', lost: 'not told of' }

let server: TemporaryServer
let victims: Victims
let mongo: E2eMongo | null
let [inPostgres, inMongo]: Lanes[] = []
const dir = tempDir()

beforeAll(async () => {
  server = await startTemporaryServer()
  mongo = await openMongo()
  victims = makeVictims(dir, 3)
  inPostgres = makeLanes(server.url, LANES)
  if (mongo) inMongo = makeLanes(server.url, 1, mongo.uri)
})
afterAll(async () => {
  victims?.close()
  await inPostgres?.close()
  await inMongo?.close()
  await mongo?.close()
  await server?.close()
  removeDir(dir)
})

describe.each(scenarios.map((scenario) => [scenario.name, scenario] as const))('%s', (_, scenario) => {
  // A commit that the list of its scenario does not name has no cases: name it there, and they follow.
  it.concurrent('makes exactly the commits that it names', async () => {
    const seen = await inPostgres!.use((lane) => play(scenario, lane, victims, null))
    const named = new Set(scenario.commits)
    expect([...new Set(seen.filter((name) => named.has(name) || !ALWAYS.has(name)))].sort()).toEqual([...named].sort())
  })
  for (const strike of strikesOf(scenario)) {
    it.concurrent(`${HOW[strike.fate]} "${strike.commit}"`, () =>
      inPostgres!.use(async (lane) => void (await play(scenario, lane, victims, strike))),
    )
  }
})

describe.each(thatArm.map((scenario) => [scenario.name, scenario] as const))(
  'with wake-ups in MongoDB, %s',
  (_, scenario) => {
    for (const strike of strikesOf(scenario)) {
      it.concurrent(`${HOW[strike.fate]} "${strike.commit}"`, ({ skip }) =>
        inMongo
          ? inMongo.use(async (lane) => void (await play(scenario, lane, victims, strike)))
          : skip('no Mongo server is to be had here'),
      )
    }
  },
)

it('every commit has its cases somewhere', () => {
  const struck = new Set(scenarios.flatMap((scenario) => strikesOf(scenario).map(({ commit }) => commit)))
  const all = new Set([...ALWAYS, ...scenarios.flatMap(({ commits }) => commits)])
  expect([...all].filter((commit) => !struck.has(commit))).toEqual([])
})
