import { CreateSchedule } from '@automagik-spark/core'
import type { z } from 'zod'

type ScheduleFields = Omit<Partial<CreateSchedule>, 'input_value' | 'tweaks'> &
  Pick<CreateSchedule, 'workflow_id'> &
  Pick<z.input<typeof CreateSchedule>, 'input_value' | 'tweaks'>
/** As a request with only these fields would be read. */
export const newSchedule = (fields: ScheduleFields): CreateSchedule =>
  CreateSchedule.parse({
    schedule_type: 'interval',
    schedule_expr: '1s',
    ...fields,
    ...(fields.start_at && { start_at: fields.start_at.toISOString() }),
    ...(fields.end_at && { end_at: fields.end_at.toISOString() }),
  })
