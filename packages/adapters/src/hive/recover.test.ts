import { jsonText } from '@automagik-spark/core'
import { describe, expect, it } from 'vitest'
import type { JsonValue } from '../json/reader.ts'
import type { LostCall } from '../source.ts'
import { recoveryIn } from './recover.ts'

const lost = (more: Partial<LostCall> = {}): LostCall => ({
  flow_id: 'payer',
  flow_type: 'agent',
  input_value: jsonText('go'),
  session_id: 'task-1',
  data: { id: 'payer', db_id: 'db' },
  own_session: true,
  tries: 1,
  signal: new AbortController().signal,
  ...more,
})
/** A run as agno 2.2 and 3.1 store it in a session. */
const inSession = (runs: JsonValue, more: Partial<LostCall> = {}) =>
  recoveryIn('http://hive.test', lost(more), { value: runs, text: jsonText(runs), bytes: 100 })
const run = { agent_id: 'payer', run_input: 'go', content: 'done', tools: null }
const paying = { tool_name: 'pay', requires_confirmation: true, confirmed: null }

describe('recoveryIn', () => {
  it.each<[string, JsonValue, object]>([
    ['no status (agno 2.2)', run, { state: 'completed', result: 'done', bytes: 100 }],
    ['a status', { ...run, status: 'COMPLETED' }, { state: 'completed', result: 'done' }],
    [
      'a failure',
      { ...run, status: 'ERROR', content: 'model refused' },
      { state: 'failed', error: { error_code: 'flow_failed', message: 'The flow failed: model refused' } },
    ],
    [
      'a failed step',
      { ...run, status: 'COMPLETED', step_results: [{ success: false, error: 'it exploded' }] },
      { state: 'failed', error: { message: 'The flow failed: it exploded' } },
    ],
    [
      'a run that waits, with a status',
      { ...run, status: 'PAUSED', tools: [paying] },
      { state: 'failed', error: { message: expect.stringContaining('a confirmation of pay') } },
    ],
    // Seen on agno 2.2.3: "I have tools to execute, but I need confirmation.", and no status.
    [
      'a run that waits, without one',
      { ...run, tools: [paying] },
      { state: 'failed', error: { message: expect.stringContaining('a confirmation of pay') } },
    ],
    ['a run that waited', { ...run, tools: [{ ...paying, confirmed: true }] }, { state: 'completed' }],
    ['one under way', { ...run, status: 'RUNNING' }, { state: 'running' }],
    ['one without content', { ...run, content: null }, { state: 'running' }],
    ['one of another agent', { ...run, agent_id: 'other' }, { state: 'running' }],
    ['one with another input', { ...run, run_input: 'stop' }, { state: 'running' }],
    ['nothing that it could be', 'x', { state: 'running' }],
  ])('%s', (_, kept, state) => expect(inSession([kept])).toMatchObject(state))

  it('takes a completed run before a failed one, and no failure of an earlier try for that of this one', () => {
    const failed = { ...run, status: 'ERROR', content: 'no' }
    expect(inSession([failed, { ...run, status: 'COMPLETED' }, failed], { tries: 3 })).toMatchObject({
      state: 'completed',
    })
    expect(inSession([failed], { tries: 2 })).toEqual({ state: 'running' })
  })
  it('never says that a run did not arrive: it may be under way, and is kept at its end', () => {
    expect(inSession([])).toEqual({ state: 'running' })
    expect(inSession({ detail: 'no list' })).toEqual({ state: 'running' })
  })
})
