import { ceilToSecond, type Clock, SECOND } from '@automagik-spark/core'
import { emptyDatabase } from '@automagik-spark/db/testing'
import { patient, startTcpProxy, type TcpProxy } from '@automagik-spark/testing'
import { Client } from 'pg'
import { describe, expect, inject, it, vi } from 'vitest'
import { makeListLogger } from '../src/testing/index.ts'
import { makeAgendaWakeUps } from '../src/wake-ups/agenda.ts'
import type { WakeUps } from '../src/wake-ups/wake-ups.ts'

/** Longer than a test: what arrives all the same was announced, and not found when Agenda looked again. */
const NEVER_MS = 120_000
const soon = { timeout: patient(15_000), interval: 20 }

export const query = async (url: string, sql: string): Promise<Record<string, unknown>[]> => {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows
  } finally {
    await client.end()
  }
}

/** The same questions to either store, past the code under test. */
export type Store = {
  urls: { databaseUrl: string; mongodbUri?: string }
  count(): Promise<number>
  remove(): Promise<void>
  empty(): Promise<void>
  /** As if a worker had died with all jobs. */
  lockLongAgo(): Promise<void>
  close(): Promise<void>
}

type MakeStore = (databaseUrl: string) => Promise<Store>

/** What one test needs, so that tests run side by side. */
const makeRoom = async (makeStore: MakeStore) => {
  const database = await emptyDatabase(inject('postgresUrl'))
  const store = await makeStore(database.url)
  const opened: WakeUps[] = []
  const proxies: TcpProxy[] = []
  const log: { level: string; msg: string }[] = []
  const time = { offsetMs: 0 }
  const clock: Clock = { now: () => new Date(Date.now() + time.offsetMs) }

  const makeWakeUps = (more: Partial<Parameters<typeof makeAgendaWakeUps>[0]> = {}): WakeUps => {
    const logger = makeListLogger(log)
    const wakeUps = makeAgendaWakeUps({
      ...store.urls,
      clock,
      logger,
      processEveryMs: NEVER_MS,
      lockLifetimeMs: 2 * NEVER_MS,
      ...more,
    })
    opened.push(wakeUps)
    return wakeUps
  }

  return {
    store,
    log,
    time,
    clock,
    makeWakeUps,
    secondsAhead: (seconds: number) => ceilToSecond(new Date(clock.now().getTime() + seconds * SECOND)),
    problems: () => log.filter(({ level }) => level === 'warn' || level === 'error').map(({ msg }) => msg),
    async makeProxy(url: string): Promise<TcpProxy> {
      const proxy = await startTcpProxy(url)
      proxies.push(proxy)
      return proxy
    },
    /** Wake-ups that are up and listen, and what they were woken for. */
    async makeListener(more: Parameters<typeof makeWakeUps>[0] = {}) {
      const wakeUps = makeWakeUps(more)
      const woken: { second: Date; at: Date }[] = []
      await wakeUps.listen(async (second) => void woken.push({ second, at: clock.now() }))
      await isUp(wakeUps)
      const wasWokenFor = (second: Date) =>
        vi.waitUntil(() => woken.find((wake) => wake.second.getTime() === second.getTime()), soon)
      return { wakeUps, woken, wasWokenFor }
    },
    async close() {
      await Promise.all(opened.map((wakeUps) => wakeUps.stop()))
      await Promise.all(proxies.map((proxy) => proxy.shut()))
      await store.close()
      await database.drop()
    },
  }
}
type Room = Awaited<ReturnType<typeof makeRoom>>

const isUp = (wakeUps: WakeUps) => vi.waitUntil(() => wakeUps.isUp(), soon)

/** What wake-ups do, whichever store they are in. */
export const wakeUpsSuite = (backend: WakeUps['backend'], makeStore: MakeStore) =>
  describe.concurrent(`wake-ups on ${backend}`, () => {
    const test = (name: string, body: (room: Room) => Promise<void>) =>
      it(name, async () => {
        const room = await makeRoom(makeStore)
        try {
          await body(room)
        } finally {
          await room.close()
        }
      })

    test('wakes at the armed second, rounded up, and not before', async ({
      store,
      secondsAhead,
      problems,
      makeListener,
    }) => {
      const { wakeUps, wasWokenFor } = await makeListener()
      const second = secondsAhead(1)
      await wakeUps.wakeAt(new Date(second.getTime() - 300))

      const { at } = await wasWokenFor(second)
      expect(at.getTime()).toBeGreaterThanOrEqual(second.getTime())
      await vi.waitUntil(async () => (await store.count()) === 0, soon)
      expect(problems()).toEqual([])
    })

    test('wakes for a second that has passed', async ({ secondsAhead, makeListener }) => {
      const { wakeUps, wasWokenFor } = await makeListener()
      const second = secondsAhead(-3600)
      await wakeUps.wakeAt(second)
      await wasWokenFor(second)
    })

    test('finds what is ahead by looking, without being told', async ({ secondsAhead, makeListener }) => {
      const { wakeUps, wasWokenFor } = await makeListener({ processEveryMs: 1000, lockLifetimeMs: 6000 })
      const second = secondsAhead(3)
      await wakeUps.wakeAt(second)
      await wasWokenFor(second)
    })

    test('wakes a worker for what a process that does not listen has armed', async ({
      makeWakeUps,
      secondsAhead,
      makeListener,
    }) => {
      const arming = makeWakeUps()
      const { wasWokenFor } = await makeListener()
      const second = secondsAhead(1)
      await arming.wakeAt(second)
      await wasWokenFor(second)
    })

    test('keeps one job for a second that two processes arm forty times at once', async ({
      store,
      makeWakeUps,
      secondsAhead,
      problems,
    }) => {
      const [one, other] = [makeWakeUps(), makeWakeUps()]
      await Promise.all([isUp(one), isUp(other)])
      const second = secondsAhead(3600)
      await Promise.all(Array.from({ length: 40 }, (_, i) => (i % 2 ? one : other).wakeAt(second)))

      expect(await store.count()).toBe(1)
      expect(await one.armed(second, secondsAhead(7200))).toEqual([second])
      expect(problems()).toEqual([])
    })

    test('arms many seconds at once, and only those that are missing', async ({ store, makeWakeUps, secondsAhead }) => {
      const wakeUps = makeWakeUps()
      await isUp(wakeUps)
      const seconds = Array.from({ length: 20 }, (_, i) => secondsAhead(3600 + i))
      await wakeUps.wakeAt(seconds[7] as Date)
      await wakeUps.wakeAtAll(seconds)

      expect(await wakeUps.armed(seconds[0] as Date, seconds[19] as Date)).toEqual(seconds.slice(0, 19))
      expect(await store.count()).toBe(20)
    })

    test('wakes again for a second that is armed while its handler runs', async ({ makeWakeUps, secondsAhead }) => {
      const wakeUps = makeWakeUps()
      await isUp(wakeUps)
      const second = secondsAhead(-1)
      let calls = 0
      let finish = () => {}
      const held = new Promise<void>((resolve) => {
        finish = resolve
      })
      await wakeUps.listen(async () => {
        calls += 1
        if (calls === 1) await held
      })
      await wakeUps.wakeAt(second)
      // More than one when the store delivers twice, as FerretDB may.
      await vi.waitUntil(() => calls > 0, soon)
      // The handler doesn't wait for a slow store to say that it runs; until then its second is taken.
      await vi.waitUntil(async () => (await wakeUps.armed(second, secondsAhead(1))).length === 0, soon)
      const before = calls
      await wakeUps.wakeAt(second)
      finish()
      await vi.waitUntil(() => calls > before, soon)
    })

    test('logs a failed handler once and does not try again', async ({
      store,
      makeWakeUps,
      secondsAhead,
      problems,
    }) => {
      const wakeUps = makeWakeUps()
      await isUp(wakeUps)
      let calls = 0
      await wakeUps.listen(async () => {
        calls += 1
        throw new Error('nothing works')
      })
      await wakeUps.wakeAt(secondsAhead(-1))
      await vi.waitUntil(async () => calls > 0 && (await store.count()) === 0, soon)
      expect(problems().filter((msg) => msg.startsWith('a wake-up failed'))).toHaveLength(calls)
      expect(problems()).toHaveLength(calls)
    })

    for (const [where, seconds] of [
      ['behind', -60],
      ['ahead of', 60],
    ] as const)
      test(`goes by the given clock when that is ${where} the own one`, async ({
        time,
        secondsAhead,
        makeListener,
      }) => {
        time.offsetMs = seconds * SECOND
        const { wakeUps, wasWokenFor } = await makeListener()
        const second = secondsAhead(1)
        await wakeUps.wakeAt(second)
        const { at } = await wasWokenFor(second)
        expect(at.getTime()).toBeGreaterThanOrEqual(second.getTime())
      })

    test('puts a wake-up back when the clock was set back meanwhile', async ({
      log,
      time,
      secondsAhead,
      makeListener,
    }) => {
      const { wakeUps, woken, wasWokenFor } = await makeListener()
      const second = secondsAhead(1)
      await wakeUps.wakeAt(second)
      await vi.waitUntil(() => log.some(({ msg }) => msg === 'a wake-up is locked'), soon)
      time.offsetMs = -3 * SECOND
      await wasWokenFor(second)
      for (const { at } of woken) expect(at.getTime()).toBeGreaterThanOrEqual(second.getTime())
    })

    test('restores what was lost when the store is emptied', async ({ store, secondsAhead, makeListener }) => {
      const { wakeUps, wasWokenFor } = await makeListener()
      const [second, later] = [secondsAhead(3), secondsAhead(60)]
      await wakeUps.wakeAt(later)
      await store.empty()
      expect(await wakeUps.armed(second, secondsAhead(120))).toEqual([])
      await wakeUps.wakeAt(later)
      expect(await wakeUps.armed(second, secondsAhead(120))).toEqual([later])

      await wakeUps.wakeAt(second)
      await store.empty()
      await wakeUps.wakeAtAll([second, later])
      expect(await store.count()).toBe(2)
      await wasWokenFor(second)
    })

    test('wakes all the same when the job it has locked is gone', async ({
      store,
      log,
      secondsAhead,
      makeListener,
    }) => {
      const { wakeUps, wasWokenFor } = await makeListener()
      const second = secondsAhead(2)
      await wakeUps.wakeAt(second)
      await vi.waitUntil(() => log.some(({ msg }) => msg === 'a wake-up is locked'), soon)
      await store.empty()
      await wasWokenFor(second)
    })

    test('goes on after its servers were away', async ({ store, secondsAhead, problems, makeProxy, makeListener }) => {
      const { databaseUrl, mongodbUri } = store.urls
      const toPostgres = await makeProxy(databaseUrl)
      const toMongo = mongodbUri ? await makeProxy(mongodbUri) : undefined
      const proxies = [toPostgres, ...(toMongo ? [toMongo] : [])]
      const { wakeUps, wasWokenFor } = await makeListener({
        databaseUrl: toPostgres.url,
        ...(toMongo ? { mongodbUri: toMongo.url } : {}),
      })
      const before = secondsAhead(-1)
      await wakeUps.wakeAt(before)
      await wasWokenFor(before)

      await Promise.all(proxies.map((each) => each.shut()))
      await vi.waitUntil(() => !wakeUps.isUp(), soon)
      const missed = secondsAhead(-2)
      await wakeUps.wakeAt(missed)
      expect(problems().at(-1)).toMatch(/^not armed/)
      await expect(wakeUps.armed(missed, secondsAhead(0))).rejects.toThrow()

      await Promise.all(proxies.map((each) => each.open()))
      await isUp(wakeUps)
      const after = secondsAhead(-3)
      await wakeUps.wakeAt(after)
      await wasWokenFor(after)
      await wakeUps.wakeAtAll([missed])
      await wasWokenFor(missed)
    })

    test('starts while its servers are away and begins when they are there', async ({
      store,
      makeWakeUps,
      secondsAhead,
      problems,
      makeProxy,
    }) => {
      const proxy = await makeProxy(store.urls.mongodbUri ?? store.urls.databaseUrl)
      await proxy.shut()
      const wakeUps = makeWakeUps(store.urls.mongodbUri ? { mongodbUri: proxy.url } : { databaseUrl: proxy.url })
      const woken: Date[] = []
      await wakeUps.listen(async (second) => void woken.push(second))
      const second = secondsAhead(-1)
      await wakeUps.wakeAt(second)
      expect(wakeUps.isUp()).toBe(false)
      expect(problems().at(-1)).toMatch(/^not armed/)

      await proxy.open()
      await isUp(wakeUps)
      await wakeUps.wakeAt(second)
      await vi.waitUntil(() => woken.length > 0, soon)
    })

    test('lets nobody wait for a server that hangs', async ({
      store,
      makeWakeUps,
      secondsAhead,
      problems,
      makeProxy,
    }) => {
      const proxy = await makeProxy(store.urls.mongodbUri ?? store.urls.databaseUrl)
      const wakeUps = makeWakeUps(store.urls.mongodbUri ? { mongodbUri: proxy.url } : { databaseUrl: proxy.url })
      await isUp(wakeUps)
      proxy.freeze()
      const tooLong = new Promise((resolve) => setTimeout(resolve, patient(4 * SECOND), 'too long'))

      expect(await Promise.race([wakeUps.wakeAt(secondsAhead(60)), tooLong])).toBeUndefined()
      expect(problems().at(-1)).toMatch(/^not armed/)
      await vi.waitUntil(() => !wakeUps.isUp(), soon)
      await proxy.shut()
      await proxy.open()
    })

    test('makes its store again when it is gone', async ({ store, makeWakeUps, secondsAhead }) => {
      const wakeUps = makeWakeUps()
      await isUp(wakeUps)
      await store.remove()
      await vi.waitUntil(async () => {
        await wakeUps.wakeAtAll([secondsAhead(60)])
        return (await store.count().catch(() => 0)) === 1
      }, soon)
    })

    test('takes over what a dead worker has locked', async ({ store, makeWakeUps, secondsAhead, makeListener }) => {
      const arming = makeWakeUps()
      await isUp(arming)
      const second = secondsAhead(1)
      await arming.wakeAt(second)
      await store.lockLongAgo()
      const { wasWokenFor } = await makeListener()
      await wasWokenFor(second)
    })

    test('survives the end of all its connections to PostgreSQL', async ({ store, secondsAhead, makeListener }) => {
      const { wakeUps, wasWokenFor } = await makeListener()
      await query(
        store.urls.databaseUrl,
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'spark-agenda' AND datname = current_database()`,
      )
      const second = secondsAhead(1)
      await wakeUps.wakeAt(second)
      await wasWokenFor(second)
      await isUp(wakeUps)
    })

    test('can be created by several processes at once', async ({ makeWakeUps, problems }) => {
      const made = Array.from({ length: 6 }, () => makeWakeUps())
      await Promise.all(made.map(isUp))
      expect(problems()).toEqual([])
    })

    test('unlocks what it has not started, and closes every connection, when it stops', async ({
      store,
      log,
      secondsAhead,
      makeListener,
    }) => {
      const stopping = await makeListener()
      const second = secondsAhead(3)
      await stopping.wakeUps.wakeAt(second)
      await vi.waitUntil(() => log.some(({ msg }) => msg === 'a wake-up is locked'), soon)
      await stopping.wakeUps.stop()
      expect(stopping.wakeUps.isUp()).toBe(false)
      await vi.waitUntil(
        async () =>
          (
            await query(
              store.urls.databaseUrl,
              `SELECT 1 FROM pg_stat_activity WHERE application_name = 'spark-agenda' AND datname = current_database()`,
            )
          ).length === 0,
        soon,
      )

      const { wasWokenFor } = await makeListener()
      await wasWokenFor(second)
      expect(stopping.woken).toEqual([])
    })

    test('waits for a running handler when it stops', async ({ store, makeWakeUps, secondsAhead }) => {
      const wakeUps = makeWakeUps()
      await isUp(wakeUps)
      let started = false
      let finish = () => {}
      const held = new Promise<void>((resolve) => {
        finish = resolve
      })
      await wakeUps.listen(async () => {
        started = true
        await held
      })
      await wakeUps.wakeAt(secondsAhead(-1))
      await vi.waitUntil(() => started, soon)
      const stopped = wakeUps.stop()
      finish()
      await stopped
      expect(await store.count()).toBe(0)
    })

    test(`keeps its jobs in ${backend} alone`, async ({ store, makeWakeUps, secondsAhead }) => {
      const wakeUps = makeWakeUps()
      await isUp(wakeUps)
      await wakeUps.wakeAt(secondsAhead(3600))
      expect(wakeUps.backend).toBe(backend)
      expect(await store.count()).toBe(1)
      const found = await query(
        store.urls.databaseUrl,
        `SELECT table_schema FROM information_schema.tables WHERE table_name LIKE '%agenda%'`,
      )
      expect(found).toEqual(backend === 'postgres' ? [{ table_schema: 'spark_agenda' }] : [])
    })
  })
