import type {
  Clock,
  CreateSchedule,
  LedgerRow,
  Occurrence,
  Page,
  PageQuery,
  PreviewInput,
  ReplaceSchedule,
  Schedule,
  SchedulePreview,
  ScheduleStatus,
  Task,
  UpdateSchedule,
} from '@automagik-spark/core'
import {
  ChangedError,
  decide,
  defaultCatchupWindow,
  descriptionOf,
  DomainError,
  floorToSecond,
  isReadByOldOnly,
  JsonSource,
  nextDue,
  notFound,
  pausedSpan,
  preview,
  startOf,
  supersededSpan,
  validateOptions,
  validatePlan,
  warningsOf,
  whyOver,
} from '@automagik-spark/core'
import type { Db, LockedSchedule, ScheduleRow, ScheduleView, Sql } from '@automagik-spark/db'
import {
  countOpen,
  findSchedule,
  insertSchedule,
  lockSchedule,
  lockWorkflow,
  removeSchedule,
  resetFailures,
  sqlNow,
  updateSchedule,
  writeLedger,
} from '@automagik-spark/db'
import { decidable, planOf } from './decidable.ts'
import { outcomeOf, worldOf, writeOutcomes } from './decisions.ts'
import { inDoubt, whereToLook } from './doubt.ts'
import type { Ids } from './ids.ts'
import { pageArgs, toPage } from './page.ts'
import type { Runs } from './runs.ts'
import type { ValidateRun } from './validate-run.ts'
import type { Versioned, Versions } from './versions.ts'
import { isAmong } from './versions.ts'
import { announceDue } from './wake-ups/announce.ts'
import type { WakeUps } from './wake-ups/wake-ups.ts'

type Deps = {
  db: Db
  wakeUps: Pick<WakeUps, 'wakeAt'>
  clock: Clock
  ids: Ids
  runs: Runs
  validateRun: ValidateRun
  default_timeout: number
}

const toSchedule = (row: ScheduleView, now: Date): Versioned<Schedule> => {
  const { anchor: _, decided_until: __, ...shown } = row
  return {
    ...shown,
    input_value: row.input_value && new JsonSource(row.input_value),
    tweaks: row.tweaks && new JsonSource(row.tweaks),
    catchup_window: row.catchup_window ?? defaultCatchupWindow(row.schedule_type),
    description: descriptionOf(row),
    warnings: [...row.warnings, ...warningsOf(row, now)],
  }
}

export const makeSchedules = ({ db, wakeUps, clock, ids, runs, validateRun, default_timeout }: Deps) => {
  const announce = announceDue({ sql: db.sql, wakeUps, clock })
  const asShown = (row: ScheduleView) => toSchedule(row, clock.now())
  const view = async (sql: Sql, id: string): Promise<ScheduleView> => {
    const row = await findSchedule(sql, id)
    if (!row) throw notFound('Schedule')
    return row
  }
  /** Locks the row as one of `versions`, so that no other edit comes between. */
  const lockAs = async (tx: Sql, id: string, versions: Versions): Promise<LockedSchedule> => {
    const row = await lockSchedule(tx, id)
    if (!row) throw notFound('Schedule')
    if (!isAmong(versions, row.version)) throw new ChangedError('schedule', row.version)
    return row
  }
  /** Locks the row, writes what `change` returns with the next version, and arms a wake-up for the next due time after the commit. */
  const edit = async (
    id: string,
    versions: Versions,
    change: (tx: Sql, row: LockedSchedule, now: Date) => Promise<ScheduleRow>,
  ): Promise<Versioned<Schedule>> => {
    const shown = await db.sql.transaction(async (tx) => {
      const row = await lockAs(tx, id, versions)
      const now = await sqlNow(tx)
      await updateSchedule(tx, { ...(await change(tx, row, now)), version: row.version + 1, updated_at: now })
      return view(tx, id)
    })
    if (shown.next_run_at) await announce(shown.next_run_at)
    return asShown(shown)
  }
  const writeSpan = async (tx: Sql, id: string, span: LedgerRow | null, now: Date): Promise<void> => {
    if (span) await writeLedger(tx, [{ ...span, schedule_id: id, task_id: null, ready_at: null }], now, default_timeout)
  }

  /** Decides what is due by now with the old fields: an edit never changes the past. */
  const decideDue = async (tx: Sql, row: LockedSchedule, now: Date): Promise<LockedSchedule> => {
    if (row.status !== 'active' || row.suspended || !row.next_run_at || row.next_run_at > now) return row
    const [open] = await countOpen(tx, [row.id])
    const outcome = outcomeOf(row, decide(decidable(row), worldOf(row, open, now)), ids)
    await writeOutcomes(tx, [outcome], now, default_timeout)
    const { id: _, started, ...moved } = outcome.move
    return { ...row, ...moved, last_run_at: started ? now : row.last_run_at }
  }

  /**
   * The row after an edit. Only type, expression, timezone, bounds and jitter move its times.
   * `isSaved`: the caller sent the expression or the timezone again, so warnings about the old ones are dropped.
   */
  const withFields = async (
    tx: Sql,
    old: LockedSchedule,
    fields: CreateSchedule,
    isSaved: boolean,
    now: Date,
  ): Promise<ScheduleRow> => {
    const { moves, ...plan } = validatePlan({ ...fields, now, stored: planOf(old) })
    validateOptions({ ...fields, stored: old })
    if (fields.workflow_id !== old.workflow_id && !(await lockWorkflow(tx, fields.workflow_id)))
      throw notFound('Workflow')
    const row = await decideDue(tx, old, now)
    const isKept = plan.schedule_type === 'cron' && isReadByOldOnly(plan.schedule_expr)
    const edited = { ...row, ...fields, ...plan, warnings: moves || (isSaved && !isKept) ? [] : row.warnings }
    if (!moves) return edited

    if (row.status === 'active') await writeSpan(tx, row.id, supersededSpan(planOf(row), row.decided_until, now), now)
    else if (row.status !== 'completed')
      await writeSpan(tx, row.id, pausedSpan(planOf(row), row.decided_until, now), now)
    const moved = { ...edited, decided_until: watermark(edited, now) }
    return row.status === 'active'
      ? { ...moved, ...firstOf(moved) }
      : { ...moved, next_due_at: null, next_run_at: null }
  }

  const enabled = async (tx: Sql, row: ScheduleRow, now: Date): Promise<ScheduleRow> => {
    if (row.status === 'active') return row
    const over = whyOver(decidable(row), now)
    if (over) throw new DomainError('invalid', `The schedule is over and cannot be enabled: ${over}`)
    if (row.status !== 'completed') await writeSpan(tx, row.id, pausedSpan(planOf(row), row.decided_until, now), now)
    if (row.pause_after_failures !== null || row.paused_reason !== null) await resetFailures(tx, row.id)
    const going = { ...row, status: 'active' as const, paused_reason: null, decided_until: watermark(row, now) }
    return { ...going, ...firstOf(going) }
  }

  const disabled = (row: ScheduleRow, status: ScheduleStatus, reason: string | null): ScheduleRow => {
    if (row.status === 'completed')
      throw new DomainError('invalid', 'The schedule is completed: there is nothing to pause')
    return { ...row, status, paused_reason: reason, next_due_at: null, next_run_at: null }
  }

  /** Validates the run when the edit changes the flow or what it gets. Stored values were validated before. */
  const validateChange = async (id: string, given: Omit<UpdateSchedule, 'status'>): Promise<void> => {
    if (given.workflow_id === undefined && given.input_value === undefined && given.tweaks === undefined) return
    const was = await view(db.sql, id)
    const { workflow_id = was.workflow_id, input_value: input = was.input_value, tweaks = was.tweaks } = given
    if (workflow_id === was.workflow_id && input === was.input_value && tweaks === was.tweaks) return
    await validateRun({ workflow_id, input, tweaks })
  }

  return {
    async create(input: CreateSchedule): Promise<Versioned<Schedule>> {
      await validateRun({ workflow_id: input.workflow_id, input: input.input_value, tweaks: input.tweaks })
      const id = ids.next()
      const insert = () =>
        db.sql.transaction(async (tx) => {
          const now = await sqlNow(tx)
          const { moves: _, ...plan } = validatePlan({ ...input, now })
          validateOptions(input)
          const fresh: ScheduleRow = {
            ...input,
            ...plan,
            id,
            status: 'active',
            paused_reason: null,
            warnings: [],
            decided_until: watermark(plan, now),
            next_due_at: null,
            next_run_at: null,
            last_run_at: null,
            run_count: 0,
            version: 1,
            created_at: now,
            updated_at: now,
          }
          if (!(await insertSchedule(tx, { ...fresh, ...firstOf(fresh) }))) throw notFound('Workflow')
          return view(tx, id)
        })
      const shown = await inDoubt(
        insert,
        () => findSchedule(db.sql, id),
        whereToLook(`schedule ${id}`, `schedules/${id}`),
      )
      if (shown.next_run_at) await announce(shown.next_run_at)
      return asShown(shown)
    },

    preview: (input: Omit<PreviewInput, 'now'>): SchedulePreview => preview({ ...input, now: clock.now() }),

    async list(
      query: PageQuery & { workflow_id?: string | undefined; status?: ScheduleStatus | undefined },
    ): Promise<Page<Schedule>> {
      const rows = await db.schedules.list({ ...pageArgs(query), workflow_id: query.workflow_id, status: query.status })
      return toPage(rows, query, asShown, (row) => row.id)
    },

    async get(id: string): Promise<Versioned<Schedule>> {
      return asShown(await view(db.sql, id))
    },

    /** A workflow, type or expression that is not given is kept. The status stays. */
    async replace(
      id: string,
      { workflow_id, schedule_type, schedule_expr, ...rest }: ReplaceSchedule,
      versions: Versions = null,
    ): Promise<Versioned<Schedule>> {
      await validateRun({
        workflow_id: workflow_id ?? (await view(db.sql, id)).workflow_id,
        input: rest.input_value,
        tweaks: rest.tweaks,
      })
      return edit(id, versions, (tx, row, now) =>
        withFields(
          tx,
          row,
          {
            ...rest,
            workflow_id: workflow_id ?? row.workflow_id,
            schedule_type: schedule_type ?? row.schedule_type,
            schedule_expr: schedule_expr ?? row.schedule_expr,
          },
          true,
          now,
        ),
      )
    },

    async update(
      id: string,
      { status, ...given }: UpdateSchedule,
      versions: Versions = null,
    ): Promise<Versioned<Schedule>> {
      await validateChange(id, given)
      return edit(id, versions, async (tx, row, now) => {
        const fields = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
        const changed =
          Object.keys(fields).length === 0
            ? row
            : await withFields(
                tx,
                row,
                { ...fieldsOf(row), ...fields },
                'schedule_expr' in fields || 'timezone' in fields,
                now,
              )
        if (status === undefined || status === changed.status) return changed
        return status === 'active' ? enabled(tx, changed, now) : disabled(changed, status, changed.paused_reason)
      })
    },

    async remove(id: string, versions: Versions = null): Promise<Schedule> {
      return db.sql.transaction(async (tx) => {
        await lockAs(tx, id, versions)
        const row = await view(tx, id)
        await removeSchedule(tx, id)
        return asShown(row)
      })
    },

    async enable(id: string, versions: Versions = null): Promise<Versioned<Schedule>> {
      return edit(id, versions, (tx, row, now) => enabled(tx, row, now))
    },

    async disable(id: string, reason: string | null, versions: Versions = null): Promise<Versioned<Schedule>> {
      return edit(id, versions, async (_tx, row) =>
        disabled(row, row.status === 'stopped' ? 'stopped' : 'paused', reason),
      )
    },

    async run(id: string): Promise<Task> {
      return runs.runSchedule(await view(db.sql, id))
    },

    async occurrences(id: string, query: PageQuery): Promise<Page<Occurrence>> {
      await view(db.sql, id)
      const args = pageArgs(query, (text) => !Number.isNaN(Date.parse(text)))
      return toPage(
        await db.occurrences.list(id, args),
        query,
        (row) => row,
        (row) => row.scheduled_for.toISOString(),
      )
    },
  }
}

const fieldsOf = (row: ScheduleRow): CreateSchedule => ({
  workflow_id: row.workflow_id,
  schedule_type: row.schedule_type,
  schedule_expr: row.schedule_expr,
  name: row.name,
  timezone: row.timezone,
  input_value: row.input_value,
  session_id: row.session_id,
  tweaks: row.tweaks,
  overlap: row.overlap,
  misfire: row.misfire,
  catchup_window: row.catchup_window,
  jitter: row.jitter,
  start_at: row.start_at,
  end_at: row.end_at,
  max_runs: row.max_runs,
  pause_after_failures: row.pause_after_failures,
  max_retries: row.max_retries,
  retry_on: row.retry_on,
  timeout: row.timeout,
})

/**
 * Due times of a new, edited or enabled schedule count after this second. They never count before what is decided already, even when
 * the clock went back. A one-time schedule has only one due time and needs no watermark.
 */
const watermark = (
  { schedule_type, decided_until }: Pick<ScheduleRow, 'schedule_type'> & { decided_until?: Date | null },
  now: Date,
): Date | null => {
  if (schedule_type === 'one-time') return null
  const second = floorToSecond(now)
  return decided_until && decided_until > second ? decided_until : second
}

/** The first due time after the watermark, and its start. There is one: a plan without any is refused before. */
const firstOf = (row: ScheduleRow): Pick<ScheduleRow, 'next_due_at' | 'next_run_at'> => {
  const next_due_at = nextDue(planOf(row), row.decided_until)
  return { next_due_at, next_run_at: next_due_at && startOf(planOf(row), next_due_at) }
}
