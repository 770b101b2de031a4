import type { SourceType } from '@automagik-spark/core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { makeHttpPool } from '../src/index.ts'
import { LEFT_OUT, NEVER_ASKED } from './recorded-aside.ts'
import { OUTCOMES } from './recorded-outcomes.ts'
import { outcomeOf, serveRecording, sourceFor } from './replay.ts'

const pool = makeHttpPool({ policy: { mode: 'private', hosts: [], ranges: [] } })
afterAll(() => pool.close())

/** How many files the recorder wrote for each server; every one is a case, or is left out with a reason. */
const RECORDED = {
  'langflow-1.7.3': 179,
  'langflow-1.13.0': 190,
  'hive-0.1.1b2': 20,
  'hive-0.2.0': 54,
  'hive-0.2.0-auth-off': 3,
  'hive-1.0.0rc6': 53,
  'agents-0.6.19': 31,
}
const typeOf = (folder: string): SourceType =>
  folder.startsWith('langflow') ? 'langflow' : folder.startsWith('hive') ? 'automagik-hive' : 'automagik-agents'

/** Whether this answer is a failure, by the recording alone. */
const SAYS_FAILED =
  /"status":\s*"(ERROR|CANCELLED|PAUSED)"|"success":\s*false|"event":\s*"(Team)?(Run|Workflow)Error"|"event":\s*"error"/

describe.each(Object.entries(RECORDED))('every recorded answer of %s', (folder, files) => {
  const outcomes = OUTCOMES[folder] ?? {}
  let served: Awaited<ReturnType<typeof serveRecording>>
  beforeAll(async () => {
    served = await serveRecording(folder, typeOf(folder))
  })
  afterAll(() => served.close())

  it('has a case, or a reason for having none', () => {
    const carried = served.recordings.map((one) => one.case)
    expect(carried.filter((name) => !(name in NEVER_ASKED)).sort()).toEqual(Object.keys(outcomes).sort())
    expect(Object.keys(outcomes).filter((name) => name in NEVER_ASKED)).toEqual([])
    const left = LEFT_OUT.filter(({ of }) => of.includes(folder)).flatMap((one) => one.files)
    expect(left.filter((name) => carried.includes(name))).toEqual([])
    expect(carried.length + new Set(left).size).toBe(files)
  })

  it.each(Object.entries(outcomes))('%s', async (name, outcome) => {
    const recording = served.recordings.find((one) => one.case === name)!
    served.play(recording)
    const actual = await outcomeOf(sourceFor(typeOf(folder), served.url, pool), recording, served.url)
    expect(actual).toBe(outcome)
    // Whatever the table says, a failure must not be a success of a run.
    const failed = recording.response.status >= 400 || SAYS_FAILED.test(JSON.stringify(recording.response))
    if (failed && recording.request.method === 'POST')
      expect(actual).toMatch(/^(flow_failed|flow_not_found|key_refused|bad_request): [A-Z].*[.!?)]?/s)
  })
})
