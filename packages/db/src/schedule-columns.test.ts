import { expect, it } from 'vitest'
import { Prisma } from './generated/client.ts'
import { SCHEDULE_COLUMNS } from './schedule-columns.ts'

it('the columns of a schedule are those of the schema', () => {
  const { cron_reread: _, ...shown } = Prisma.ScheduleScalarFieldEnum // only the one-time reading of older crons uses it
  expect([...SCHEDULE_COLUMNS].sort()).toEqual(Object.keys(shown).sort())
})
