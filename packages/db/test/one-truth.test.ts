import { Occurrence, Schedule, Source, Task } from '@automagik-spark/core'
import { useFixture } from '@automagik-spark/testing/fixture'
import { expect, it } from 'vitest'
import { SUSPENDED } from '../src/queue/circuit-breaker.ts'
import { CLAIMED_COLUMNS } from '../src/queue/claim.ts'
import { openTestDb } from './fixtures.ts'

// Facts that both SQL and TypeScript need.

const t = useFixture(openTestDb)

it('spark_claim_ready returns the columns of a claimed task', async () => {
  const { rows } = await t.sql.query<{ name: string }>(
    `SELECT a.name FROM pg_proc p, unnest(p.proargnames, p.proargmodes) AS a(name, mode) WHERE p.proname = 'spark_claim_ready' AND a.mode = 't'`,
  )
  expect(rows.map(({ name }) => name).sort()).toEqual([...CLAIMED_COLUMNS].sort())
})

it('a source takes calls unless it is suspended, or a call could not be sent', async () => {
  const { rows } = await t.sql.query<{ taken: boolean; suspended: boolean; suspect_at: Date | null }>(
    `SELECT spark_takes_calls(s) AS taken, ${SUSPENDED('s')} AS suspended, s.suspect_at FROM (
       SELECT (jsonb_populate_record(NULL::sources, jsonb_build_object('status', status, 'hold_from', h.at, 'hold_until', u.at, 'suspect_at', x.at))).*
       FROM unnest(ARRAY['active', 'inactive']) AS status, (VALUES (NULL), (now())) AS h(at), (VALUES (NULL), (now())) AS u(at), (VALUES (NULL), (now())) AS x(at)
     ) s`,
  )
  expect(rows).toHaveLength(16)
  for (const { taken, suspended, suspect_at } of rows) expect(taken).toBe(!suspended && suspect_at === null)
})

it('each CHECK of a list of words permits those of the contract', async () => {
  const { rows } = await t.sql.query<{ name: string; at: string; text: string }>(
    `SELECT conname AS name, conrelid::regclass::text AS at, pg_get_constraintdef(oid) AS text FROM pg_constraint WHERE contype = 'c' AND connamespace = current_schema()::regnamespace`,
  )
  const contract: Record<string, Record<string, unknown>> = {
    sources: Source.shape,
    schedules: Schedule.shape,
    occurrences: Occurrence.shape,
    tasks: Task.shape,
  }
  const lists = rows.flatMap(({ name, at, text }) => {
    const [, column, words] = /^CHECK \(\(\(?(\w+)\)? = ANY \(ARRAY\[([^\]]*)\]\)\)\)/.exec(text) ?? []
    return column && words ? { name, schema: contract[at]?.[column], words: words.match(/(?<=')\w[^']*(?='::)/g) } : []
  })
  expect(lists.map(({ name }) => name).sort()).toEqual([
    'occurrences_decision',
    'schedules_misfire',
    'schedules_overlap',
    'schedules_retry_on',
    'schedules_status',
    'schedules_type',
    'sources_health',
    'sources_status',
    'tasks_retry_on',
    'tasks_status',
    'tasks_trigger',
  ])
  for (const { name, schema, words } of lists) {
    const { options } = schema as { options: string[] } // a zod enum
    expect([name, [...words!].sort()]).toEqual([name, [...options].sort()])
  }
})
