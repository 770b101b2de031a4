import { randomUUID } from 'node:crypto'
import { makeDbClock } from '@automagik-spark/engine'
import { makeLogger } from '@automagik-spark/runtime'
import { startStatementProxy, type StatementProxy } from '@automagik-spark/testing'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { makeHeartbeat } from '../src/heartbeat.ts'
import { makeTroubles } from '../src/troubles.ts'
import type { Stack } from './stack.ts'
import { moveClock, until, useStack } from './stack.ts'

const PAGE = { limit: 50, offset: 0 }
const CLAIM = 'spark_claim_ready('
const INTENT = "SET phase = 'calling'"
const SETTLE = 'INSERT INTO source_outcomes'
const MINUTE_MS = 60_000

const stack = useStack()
let workflow_id: string
const proxies: StatementProxy[] = []
beforeAll(async () => {
  workflow_id = (await stack.sync()).workflow.id
})
afterEach(async () => {
  stack.stub.release()
  stack.stub.clearSwitches()
  const closing = proxies.splice(0)
  for (const proxy of closing) proxy.releaseAll()
  await stack.stopWorkers()
  await Promise.all(closing.map((proxy) => proxy.close()))
})

/** A worker whose connections to PostgreSQL the test controls. */
const addProxiedWorker = async (times: NonNullable<Parameters<Stack['addWorker']>[0]>['times'] = {}) => {
  const proxy = await startStatementProxy(stack.url)
  proxies.push(proxy)
  return { proxy, worker: await stack.addWorker({ through: proxy.url, times }) }
}
const start = async (input: string) => (await stack.engine.workflows.run(workflow_id, input, { wait: false })).task.id
const get = (id: string) => stack.engine.tasks.get(id)
const over = (id: string) =>
  until(
    () => get(id),
    (seen) => seen.finished_at !== null,
  )
const logOf = async (id: string) => (await stack.engine.tasks.logs(id, PAGE)).items.map((event) => event.type)
const callsOf = (input: string) => stack.stub.calls.filter((call) => call.input_value === input)
const leaseOf = async (id: string) =>
  (await stack.db.sql.query<{ lease_until: Date | null }>('SELECT lease_until FROM tasks WHERE id = $1', [id])).rows[0]!
    .lease_until
/** Heartbeats have kept the task for longer than a lease and the grace after it. */
const isHeldOn = async (id: string) => {
  const first = (await leaseOf(id))!.getTime()
  await until(
    () => leaseOf(id),
    (lease) => lease === null || lease.getTime() > first + 3_000,
  )
}

describe('a worker', () => {
  it('runs what it claimed when the answer to its claim is lost', async () => {
    const { proxy } = await addProxiedWorker()
    const lost = proxy.cutAnswer(CLAIM, 'lost claim')
    const id = await start('lost claim')
    await lost.seen
    expect(await over(id)).toMatchObject({ status: 'completed', tries: 1 })
    expect(await logOf(id)).toEqual(['created', 'attempt_started', 'completed'])
  })

  it('takes an answer as written when only the answer to its commit is lost', async () => {
    const { proxy, worker } = await addProxiedWorker()
    const lost = proxy.cutAnswer(SETTLE, 'completed')
    const id = await start('lost settle')
    await lost.seen
    await until(
      async () => worker.runner.count(),
      (n) => n === 0,
    )
    expect((await get(id)).status).toBe('completed')
    expect(await logOf(id)).toEqual(['created', 'attempt_started', 'completed'])
  })

  it('keeps an answer that could not be written, and writes it when PostgreSQL is back', async () => {
    const { proxy } = await addProxiedWorker({ leaseMs: MINUTE_MS })
    await stack.stub.set({ slow: 'held' })
    const id = await start('kept')
    await until(
      async () => stack.stub.inFlight,
      (n) => n === 1,
    )
    await proxy.shut()
    stack.stub.release()
    await until(
      async () => callsOf('kept')[0]!.ended,
      (ended) => ended === 'answered',
    )
    expect((await get(id)).status).toBe('running')
    await proxy.open()
    expect(await over(id)).toMatchObject({ status: 'completed', output_data: { result: 'kept' } })
    expect(callsOf('kept')).toHaveLength(1)
  })

  it('releases a task, with its try, when it could not write the intent', async () => {
    const { proxy } = await addProxiedWorker({ leaseMs: MINUTE_MS })
    const lost = proxy.refuse(INTENT)
    const id = await start('not announced')
    await lost.seen
    expect(await over(id)).toMatchObject({ status: 'completed', tries: 1 })
    expect(await logOf(id)).toContain('handed_back')
    expect(callsOf('not announced')).toHaveLength(1)
  })

  it('keeps a task that it has in hand again when its earlier call ends', async () => {
    const worker = await stack.addWorker({ times: { leaseMs: MINUTE_MS } })
    await stack.stub.set({ slow: 3_000 })
    const id = await start('twice in hand')
    await until(
      async () => stack.stub.inFlight,
      (n) => n === 1,
    )
    await stack.stub.set({ slow: 'held' })
    // As if it had been taken over and released meanwhile: this worker claims it again.
    await stack.db.sql.query(
      `UPDATE tasks SET status = 'pending', phase = NULL, token = NULL, lease_until = NULL, started_at = NULL WHERE id = $1`,
      [id],
    )
    worker.runner.pump()
    await until(
      () => logOf(id),
      (types) => types.includes('late_answer'),
    )
    await until(
      async () => callsOf('twice in hand').length,
      (n) => n === 2,
    )
    expect(worker.runner.inHand().map(({ task, phase }) => [task.id, phase])).toEqual([[id, 'calling']])
    stack.stub.release()
    expect(await over(id)).toMatchObject({ status: 'completed', tries: 2 })
  })

  it("learns PostgreSQL's time with each heartbeat", async () => {
    const worker = await stack.addWorker()
    const clock = makeDbClock(Date.now)
    const logger = makeLogger({ level: 'silent', format: 'json' })
    const heartbeat = makeHeartbeat({
      sql: stack.db.sql,
      clock,
      logger,
      runner: worker.runner,
      leaseMs: MINUTE_MS,
      troubles: makeTroubles({ logger }),
      worker: { id: randomUUID(), hostname: 'test', pid: process.pid, concurrency: 1, version: 'test' },
    })
    await moveClock(stack, 60 * MINUTE_MS)
    try {
      await heartbeat.once()
      expect(Math.round(clock.skewMs() / MINUTE_MS)).toBe(-60)
    } finally {
      await moveClock(stack, 0)
    }
  })

  it('does not call what was cancelled between its claim and its call', async () => {
    const { proxy } = await addProxiedWorker({ leaseMs: MINUTE_MS })
    const claimed = proxy.holdAnswer(CLAIM, 'cancelled early')
    const id = await start('cancelled early')
    await claimed.seen
    const cancelling = stack.engine.tasks.cancel(id)
    await until(
      () => get(id),
      (seen) => seen.cancel_requested_at !== null,
    )
    claimed.release()
    await cancelling
    expect((await over(id)).status).toBe('cancelled')
    expect(callsOf('cancelled early')).toEqual([])
  })

  it('does not call what was cancelled while it wrote the intent', async () => {
    const { proxy, worker } = await addProxiedWorker({ leaseMs: MINUTE_MS })
    const announced = proxy.holdAnswer(INTENT)
    const id = await start('cancelled late')
    await announced.seen
    const cancelling = stack.engine.tasks.cancel(id)
    // After the commit: its NOTIFY has reached the worker.
    await until(
      async () => worker.runner.inHand(),
      ([entry]) => entry!.abort.signal.aborted,
    )
    announced.release()
    await cancelling
    expect((await over(id)).status).toBe('cancelled')
    expect(callsOf('cancelled late')).toEqual([])
  })

  it('calls a task whose lease it keeps, however long the intent took', async () => {
    const { proxy } = await addProxiedWorker()
    const announced = proxy.holdAnswer(INTENT)
    const id = await start('slowly announced')
    await announced.seen
    await isHeldOn(id)
    announced.release()
    expect((await over(id)).status).toBe('completed')
  })

  it('calls nothing when it goes on after it stood still for longer than its lease', async () => {
    const { proxy, worker } = await addProxiedWorker()
    const frozen = proxy.freezeAfter(INTENT)
    const id = await start('frozen')
    await frozen.seen
    await stack.addWorker()
    expect(await over(id)).toMatchObject({ status: 'failed', error_code: 'outcome_unknown' })
    frozen.release()
    await until(
      async () => worker.runner.count(),
      (n) => n === 0,
    )
    expect(callsOf('frozen')).toEqual([])
  })

  it('keeps a call through an outage longer than its lease, and its answer takes the place of outcome_unknown', async () => {
    const { proxy, worker } = await addProxiedWorker()
    await stack.stub.set({ slow: 'held' })
    const id = await start('outage')
    await until(
      async () => stack.stub.inFlight,
      (n) => n === 1,
    )
    await proxy.shut()
    await stack.addWorker()
    expect(await over(id)).toMatchObject({ status: 'failed', error_code: 'outcome_unknown' })
    await proxy.open()
    // With this heartbeat it learns that its task was taken over.
    await until(
      () =>
        worker.heartbeat.once().then(
          () => true,
          () => false,
        ),
      (beat) => beat,
    )
    stack.stub.release()
    expect(
      await until(
        () => get(id),
        (seen) => seen.status === 'completed',
      ),
    ).toMatchObject({ output_data: { result: 'outage' }, error_code: null, tries: 1 })
    expect(callsOf('outage')).toHaveLength(1)
  })

  it('keeps a call that lasts longer than its lease', async () => {
    await stack.addWorker()
    await stack.stub.set({ slow: 'held' })
    const id = await start('long')
    await until(
      async () => stack.stub.inFlight,
      (n) => n === 1,
    )
    await isHeldOn(id)
    stack.stub.release()
    expect((await over(id)).status).toBe('completed')
    expect(await logOf(id)).toEqual(['created', 'attempt_started', 'completed'])
  })

  it('stops a call at once by the NOTIFY of its cancel, before the next heartbeat', async () => {
    await stack.addWorker({ times: { leaseMs: 10 * MINUTE_MS } })
    await stack.stub.set({ slow: 'held' })
    const id = await start('cancel heard')
    await until(
      async () => stack.stub.inFlight,
      (n) => n === 1,
    )
    await stack.engine.tasks.cancel(id)
    expect((await over(id)).status).toBe('cancelled')
  })

  it('stops a call with its next heartbeat when the NOTIFY of its cancel is lost', async () => {
    await stack.addWorker()
    await stack.stub.set({ slow: 'held' })
    const id = await start('cancel unheard')
    await until(
      async () => stack.stub.inFlight,
      (n) => n === 1,
    )
    await stack.db.sql.query('UPDATE tasks SET cancel_requested_at = spark_now() WHERE id = $1', [id])
    expect((await over(id)).status).toBe('cancelled')
    await until(
      async () => callsOf('cancel unheard')[0]!.ended,
      (ended) => ended === 'client_left',
    )
  })

  it('stops a call with its next heartbeat when its task was deleted without a NOTIFY', async () => {
    const worker = await stack.addWorker()
    await stack.stub.set({ slow: 'held' })
    const id = await start('gone')
    await until(
      async () => stack.stub.inFlight,
      (n) => n === 1,
    )
    await stack.db.sql.query('DELETE FROM tasks WHERE id = $1', [id])
    await until(
      async () => callsOf('gone')[0]!.ended,
      (ended) => ended === 'client_left',
    )
    await until(
      async () => worker.runner.count(),
      (n) => n === 0,
    )
  })
})

describe('a worker that is stopped', () => {
  it('claims nothing new, and lets its run finish', async () => {
    const worker = await stack.addWorker({ times: { drainMs: MINUTE_MS } })
    await stack.stub.set({ slow: 'held' })
    const running = await start('last one')
    await until(
      async () => stack.stub.inFlight,
      (n) => n === 1,
    )
    const stopping = stack.stopWorker(worker)
    await until(
      () => stack.engine.workers.list(PAGE),
      ({ items }) => items.some((row) => row.id === worker.id && row.status === 'draining'),
    )
    const next = await start('next one')
    stack.stub.release()
    await stopping
    expect((await get(running)).status).toBe('completed')
    expect(await get(next)).toMatchObject({ status: 'pending', tries: 0 })
    await stack.engine.tasks.remove(next)
  })

  it('releases a task that it had not called at the end of the drain time, and does not call it any more', async () => {
    const { proxy, worker } = await addProxiedWorker({ leaseMs: MINUTE_MS, drainMs: 100 })
    const announced = proxy.holdAnswer(INTENT)
    const id = await start('given back')
    await announced.seen
    const stopping = stack.stopWorker(worker)
    await until(
      () => get(id),
      (seen) => seen.status === 'pending',
    )
    expect(await logOf(id)).toEqual(['created', 'handed_back'])
    await stack.addWorker()
    expect(await over(id)).toMatchObject({ status: 'completed', tries: 1 })
    announced.release()
    await stopping
    expect(callsOf('given back')).toHaveLength(1)
  })

  it('leaves calls that outlast the drain time to others at once, not after a lease', async () => {
    const worker = await stack.addWorker({ times: { leaseMs: 10 * MINUTE_MS, drainMs: 100 } })
    await stack.stub.set({ slow: 'held' })
    const id = await start('left')
    await until(
      async () => stack.stub.inFlight,
      (n) => n === 1,
    )
    await stack.addWorker()
    await stack.stopWorker(worker)
    expect(await over(id)).toMatchObject({ status: 'failed', error_code: 'outcome_unknown' })
  })
})
