import { expect, it } from 'vitest'
import { writesOf } from './writes.ts'

it.each([
  ['SELECT * FROM tasks t FOR UPDATE OF t', []],
  ['SELECT FROM sources FOR NO KEY UPDATE', []],
  ["SELECT spark_now(), pg_notify('spark_ready', 'insert into lies')", []],
  ['-- delete from nothing\nSELECT 1 /* update tasks */', []],
  ["SET LOCAL statement_timeout = '60s'", []],
  ['SELECT * FROM spark_claim_ready($1, $2, $3)', ['call spark_claim_ready']],
  ['SELECT FROM sources s WHERE spark_takes_calls(s, 0, spark_now())', []],
  ['INSERT INTO "public"."sources" ("id") VALUES ($1) RETURNING "id"', ['insert sources']],
  ['UPDATE tasks t SET phase = $1', ['update tasks']],
  ['delete from only spark_agenda.agenda_jobs', ['delete agenda_jobs']],
  [
    'WITH u AS (UPDATE tasks SET a = 1 RETURNING id), e AS (INSERT INTO task_events SELECT id FROM u), c AS (INSERT INTO schedule_outcomes AS c SELECT 1 ON CONFLICT (id) DO UPDATE SET n = 1) SELECT 1',
    ['update tasks', 'insert task_events', 'insert schedule_outcomes'],
  ],
])('%s', (statement, writes) => {
  expect(writesOf(statement)).toEqual(writes)
})
