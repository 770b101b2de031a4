import type { Schedule } from '@automagik-spark/core'

// What schedules and tasks are, as plainly as can be said: no SQL, no locks, no batches. Times are milliseconds, schedules are intervals.

export const LEASE_MS = 30_000
export const GRACE_MS = 10_000
export const SOURCE_LIMIT = 3
const LATE_MS = 60_000
const WINDOW_MS = 86_400_000
const MAX_CATCHUP = 100
const MAX_CRASHES = 3

export type ModelSchedule = {
  id: string
  every: number
  anchor: number
  decided_until: number
  status: Schedule['status']
  overlap: Schedule['overlap']
  misfire: Schedule['misfire']
  max_runs: number | null
  run_count: number
  /** What was decided for each due time. */
  ledger: Map<number, string>
}
export type ModelTask = {
  id: string
  schedule: string | null
  serial: string | null
  trigger: 'manual' | 'schedule' | 'backfill'
  due: number | null
  created: number
  ready: number
  status: 'pending' | 'running' | 'completed' | 'failed' | 'cancelled'
  phase: 'claimed' | 'calling' | null
  token: string | null
  lease: number | null
  marked: number | null
  tries: number
  crashes: number
  asked: boolean
  code: string | null
}
/** Ids are the real ones: they are told, not guessed. */
export type IdOf = (schedule: string, due: number) => string
export type Model = {
  now: number
  schedules: Map<string, ModelSchedule>
  tasks: Map<string, ModelTask>
  claims: { id: string; token: string }[]
}

export const newModel = (now: number): Model => ({ now, schedules: new Map(), tasks: new Map(), claims: [] })

const PRIORITY = { manual: 0, schedule: 1, backfill: 2 }
const secondOf = (at: number) => Math.floor(at / 1000) * 1000
export const dueIn = (
  { anchor, every }: Pick<ModelSchedule, 'anchor' | 'every'>,
  after: number,
  until: number,
): number[] => {
  const found: number[] = []
  for (let due = anchor + Math.max(1, Math.floor((after - anchor) / every) + 1) * every; due <= until; due += every)
    found.push(due)
  return found
}
export const nextOf = (s: ModelSchedule): number | null =>
  s.status === 'active'
    ? s.anchor + Math.max(1, Math.floor((s.decided_until - s.anchor) / s.every) + 1) * s.every
    : null
const isOpen = (task: ModelTask) => task.status === 'pending' || task.status === 'running'

const addTask = (
  m: Model,
  task: Pick<ModelTask, 'id' | 'schedule' | 'serial' | 'trigger' | 'due' | 'ready'> & { cancelled?: boolean },
): void => {
  const { cancelled, ...rest } = task
  m.tasks.set(task.id, {
    ...rest,
    created: m.now,
    status: cancelled ? 'cancelled' : 'pending',
    phase: null,
    token: null,
    lease: null,
    marked: null,
    tries: 0,
    crashes: 0,
    asked: false,
    code: null,
  })
}
const cancelPending = (task: ModelTask): void => {
  Object.assign(task, { status: 'cancelled', code: null })
}

/** The four steps of the contract, due time by due time. */
export const decide = (m: Model, s: ModelSchedule, idOf: IdOf): void => {
  const next = nextOf(s)
  if (next === null || next > m.now) return
  const come = dueIn(s, s.decided_until, m.now)
  const isLate = (due: number) => m.now - due > LATE_MS
  const alive = come.filter((due) => isLate(due) && m.now - due <= WINDOW_MS)
  const caughtUp: number[] = {
    skip: [],
    last: come.some((due) => !isLate(due)) ? [] : alive.slice(-1),
    all: alive.slice(-MAX_CATCHUP),
  }[s.misfire]

  const before = [...m.tasks.values()].filter(
    (task) => task.schedule === s.id && task.trigger !== 'backfill' && isOpen(task),
  )
  let [open, waiting] = [
    before.length,
    before.filter((task) => task.status === 'pending' && task.trigger === 'schedule').length,
  ]
  const started: number[] = []
  for (const due of come) {
    if (s.max_runs !== null && s.run_count >= s.max_runs) s.ledger.set(due, 'skipped ended')
    else if (isLate(due) && !caughtUp.includes(due)) s.ledger.set(due, 'missed misfire')
    else if ((s.overlap === 'skip' && open > 0) || (s.overlap === 'queue_one' && open > 1 && waiting > 0))
      s.ledger.set(due, 'skipped overlap')
    else {
      s.ledger.set(due, 'started')
      started.push(due)
      s.run_count++
      open++
      waiting++
    }
  }
  if (s.overlap === 'cancel_previous' && started.length > 0) {
    for (const task of before) {
      if (task.trigger !== 'schedule' || task.asked) continue
      if (task.status === 'pending') cancelPending(task)
      task.asked = true
    }
  }
  for (const due of started) {
    const cancelled = s.overlap === 'cancel_previous' && due !== started.at(-1)
    addTask(m, {
      id: idOf(s.id, due),
      schedule: s.id,
      serial: s.overlap === 'allow' ? null : s.id,
      trigger: 'schedule',
      due,
      ready: due,
      cancelled,
    })
  }
  s.decided_until = come.at(-1)!
  if (s.max_runs !== null && s.run_count >= s.max_runs) s.status = 'completed'
}

const passOver = (m: Model, s: ModelSchedule, says: string): void => {
  for (const due of dueIn(s, s.decided_until, secondOf(m.now))) s.ledger.set(due, says)
}

export const edit = (
  m: Model,
  s: ModelSchedule,
  change: { every?: number; overlap?: Schedule['overlap'] },
  idOf: IdOf,
): void => {
  decide(m, s, idOf)
  if (change.overlap) s.overlap = change.overlap
  if (change.every === undefined || change.every === s.every) return
  if (s.status === 'paused') passOver(m, s, 'skipped paused')
  Object.assign(s, {
    every: change.every,
    anchor: secondOf(m.now),
    decided_until: Math.max(s.decided_until, secondOf(m.now)),
  })
}

export const isSpent = (s: ModelSchedule): boolean => s.max_runs !== null && s.run_count >= s.max_runs

export const resume = (m: Model, s: ModelSchedule): void => {
  if (s.status === 'active') return
  if (s.status === 'paused') passOver(m, s, 'skipped paused')
  // The clock may have gone back: what is decided stays so.
  Object.assign(s, { status: 'active', decided_until: Math.max(s.decided_until, secondOf(m.now)) })
}

export const runNow = (m: Model, s: ModelSchedule, id: string): void =>
  addTask(m, { id, schedule: s.id, serial: s.id, trigger: 'manual', due: null, ready: m.now })

export const backfill = (m: Model, s: ModelSchedule, from: number, idOf: IdOf): number => {
  const last = secondOf(m.now) - 1
  const until = s.status === 'completed' ? last : Math.min(last, s.decided_until)
  const due = dueIn(s, Math.ceil(from / 1000) * 1000 - 1, until).filter(
    (one) => !s.ledger.get(one)?.startsWith('started'),
  )
  for (const one of due) {
    s.ledger.set(one, 'started backfill')
    addTask(m, {
      id: idOf(s.id, one),
      schedule: s.id,
      serial: `backfill:${s.id}`,
      trigger: 'backfill',
      due: one,
      ready: m.now,
    })
  }
  return due.length
}

export const remove = (m: Model, s: ModelSchedule): void => {
  m.schedules.delete(s.id)
  for (const task of m.tasks.values()) {
    if (task.schedule !== s.id) continue
    task.schedule = null
    if (task.status === 'pending') cancelPending(task)
  }
}

const isBefore = (a: (string | number)[], b: (string | number)[]): boolean => {
  const at = a.findIndex((value, index) => value !== b[index])
  return at >= 0 && a[at]! < b[at]!
}
const waits = (m: Model, task: ModelTask): boolean =>
  task.serial !== null &&
  task.trigger !== 'manual' &&
  [...m.tasks.values()].some((other) => {
    if (other.serial !== task.serial || other.id === task.id || !isOpen(other)) return false
    if (other.trigger === 'manual') return isBefore([other.created, other.id], [task.created, task.id])
    return (
      other.status === 'running' ||
      isBefore([other.due ?? other.created, other.id], [task.due ?? task.created, task.id])
    )
  })

export const claim = (m: Model, slots: number, token: string): string[] => {
  const room = SOURCE_LIMIT - [...m.tasks.values()].filter((task) => task.status === 'running').length
  const taken = [...m.tasks.values()]
    .filter((task) => task.status === 'pending' && task.ready <= m.now && !waits(m, task))
    .sort((a, b) => (isBefore([PRIORITY[a.trigger], a.ready, a.id], [PRIORITY[b.trigger], b.ready, b.id]) ? -1 : 1))
    .slice(0, Math.max(0, Math.min(room, slots)))
  for (const task of taken) {
    Object.assign(task, {
      status: 'running',
      phase: 'claimed',
      token,
      lease: m.now + LEASE_MS,
      marked: null,
      tries: task.tries + 1,
      code: null,
    })
    m.claims.push({ id: task.id, token })
  }
  return taken.map((task) => task.id)
}

/** The task, while this token holds it. */
export const heldBy = (m: Model, { id, token }: { id: string; token: string }): ModelTask | null => {
  const task = m.tasks.get(id)
  return task && task.token === token && task.status === 'running' ? task : null
}

export const beat = (m: Model, task: ModelTask): void =>
  void Object.assign(task, { lease: m.now + LEASE_MS, marked: null })

export const settle = (
  m: Model,
  claimed: { id: string; token: string },
  status: 'completed' | 'failed' | 'cancelled',
): boolean => {
  const task = m.tasks.get(claimed.id)
  if (!task || task.token !== claimed.token) return false
  const isLate = task.status === 'failed' && task.code === 'outcome_unknown' && status !== 'cancelled'
  if (task.status !== 'running' && !isLate) return false
  Object.assign(task, {
    status,
    phase: null,
    lease: null,
    marked: null,
    code: status === 'failed' ? 'flow_failed' : null,
  })
  return true
}

export const cancel = (task: ModelTask): void => {
  if (!isOpen(task)) return
  task.asked = true
  if (task.status === 'pending') cancelPending(task)
}

export const retry = (m: Model, task: ModelTask): void => {
  if (task.status !== 'failed' && task.status !== 'cancelled') return
  Object.assign(task, { status: 'pending', token: null, crashes: 0, asked: false, code: null, ready: m.now })
}

export const takeOver = (m: Model): string[] => {
  const running = [...m.tasks.values()].filter((task) => task.status === 'running' && task.lease! < m.now)
  for (const task of running) task.marked ??= m.now
  const taken = running.filter((task) => task.marked! < m.now - GRACE_MS)
  for (const task of taken) {
    const crashes = task.crashes + 1
    const wasCalling = task.phase === 'calling'
    Object.assign(task, { crashes, phase: null, lease: null, marked: null })
    if (task.asked) task.status = 'cancelled'
    else if (wasCalling) Object.assign(task, { status: 'failed', code: 'outcome_unknown' })
    else if (crashes >= MAX_CRASHES) Object.assign(task, { status: 'failed', code: 'worker_lost' })
    else Object.assign(task, { status: 'pending', tries: task.tries - 1 })
  }
  return taken.map((task) => task.id)
}
