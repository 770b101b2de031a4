import { describe, expect, it } from 'vitest'
import type { JsonValue } from '../json/reader.ts'
import { canonicalHive, hiveFlow, isPlaygroundFlow } from './flow.ts'

describe('hiveFlow', () => {
  it.each<[JsonValue, string, string, string]>([
    [{ id: 'a', name: 'A', description: 'top' }, 'a', 'A', 'top'],
    [{ id: 'a', name: null, system_message: { description: 'below' } }, 'a', 'a', 'below'],
    [{ agent_id: 'old', name: 'Old', description: null }, 'old', 'Old', ''],
  ])('reads %j', (value, id, name, description) =>
    expect(hiveFlow('agent', value, true)).toMatchObject({ id, name, description, flow_type: 'agent', data: value }),
  )
  it.each<JsonValue>([null, 'a', [], {}, { id: '' }, { team_id: 'of another kind' }])('%j is none', (value) =>
    expect(hiveFlow('agent', value, false)).toBeNull(),
  )
})

it.each<[JsonValue, boolean]>([
  [{ agent_id: 'a' }, true],
  [{ workflow_id: 'w' }, true],
  [{ id: 'a', agent_id: 'a' }, false],
  [null, false],
  [{ id: 'a' }, false],
])('of the playground: %j is %s', (data, is) => expect(isPlaygroundFlow(data)).toBe(is))

describe('canonicalHive', () => {
  const agent = {
    id: 'a',
    name: 'A',
    system_message: { instructions: 'Repeat.' },
    tools: { tools: [{ name: 't', parameters: { sessions: 1 } }] },
  }
  const text = (value: JsonValue) => JSON.stringify(canonicalHive(value))

  it('does not see where things are kept, nor the order of keys', () => {
    const moved = {
      tools: agent.tools,
      system_message: agent.system_message,
      name: 'A',
      id: 'a',
      db_id: 'x',
      sessions: { session_table: 't' },
      metadata: { agno_parameters_count: 83 },
      updated_at: 'now',
    }
    expect(text(moved)).toBe(text({ ...agent, db_id: 'y', metadata: { agno_parameters_count: 84 } }))
    expect(text({ id: 't', members: [{ ...agent, db_id: 'x' }] })).toBe(text({ id: 't', members: [agent] }))
  })
  it('sees what makes a run another one', () => {
    const changes: JsonValue[] = [
      { ...agent, system_message: { instructions: 'Shout.' } },
      { ...agent, model: { model: 'gpt' } },
      { ...agent, tools: { tools: [{ name: 't', parameters: { sessions: 2 } }] } },
      { ...agent, steps: [{ name: 's' }] },
      { ...agent, members: [agent] },
      { ...agent, metadata: { version: 2 } },
    ]
    expect(new Set([agent, ...changes].map(text)).size).toBe(changes.length + 1)
  })
})
