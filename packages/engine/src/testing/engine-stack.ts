import { makeHttpPool, parseSourcePolicy } from '@automagik-spark/adapters'
import { makeDb } from '@automagik-spark/db'
import type { TemporaryDatabase } from '@automagik-spark/db/testing'
import { freshDatabase, slowSettings } from '@automagik-spark/db/testing'
import type { StubLangflow, StubLangflowOptions } from '@automagik-spark/testing'
import { patience, startStubLangflow } from '@automagik-spark/testing'
import { inject } from 'vitest'
import type { DbClock } from '../clock.ts'
import { makeDbClock } from '../clock.ts'
import { startEngine } from '../engine.ts'
import { makeIds } from '../ids.ts'
import type { Logger } from '../logger.ts'
import type { OpenSource } from '../open-source.ts'
import { makeOpenSource } from '../open-source.ts'
import { makeVault } from '../vault.ts'
import { makeAgendaWakeUps } from '../wake-ups/agenda.ts'
import type { WakeUps } from '../wake-ups/wake-ups.ts'
import { asClient } from './as-client.ts'
import { silentLogger } from './logger.ts'

const LANGFLOW_KEY = 'sk-stack-test'

export type EngineStackOptions = {
  /** A fresh one when left out. */
  database?: TemporaryDatabase
  mongodbUri?: string | undefined
  stub?: StubLangflowOptions
  /** For the backoff: 0 makes retries come within a second. */
  random?: () => number
  /** Another PostgreSQL than the one that all test files share. */
  serverUrl?: string
  logger?: Logger
  /** Of the engine, for ordinary queries. */
  connections?: number
  /** How long its statements may take, as a multiple of their usual limits. */
  limits?: number
  /** What a server says about a lost call. Then it is one that can be asked. */
  recover?: NonNullable<ReturnType<OpenSource>['recover']> | undefined
}

/** The engine on real parts, without a worker: a database of its own, Agenda, a stub Langflow. */
export const openEngineStack = async ({
  database: given,
  mongodbUri,
  stub: stubOptions,
  random = Math.random,
  connections = 10,
  limits = 1,
  serverUrl = inject('postgresUrl'),
  logger = silentLogger,
  recover,
}: EngineStackOptions = {}) => {
  const database = given ?? (await freshDatabase(serverUrl))
  const url = database.url
  const clock = makeDbClock(Date.now)
  const ids = makeIds(clock)
  const vault = makeVault({ key: new Uint8Array(32).fill(7), previous: [] })
  const policy = parseSourcePolicy('private')
  if (typeof policy === 'string') throw new Error(policy)
  const pool = makeHttpPool({ policy, tlsInsecureHosts: ['localhost'] }) // the certificate of the tests is trusted by nobody
  const openStored = makeOpenSource({ pool, vault, addSecret: () => undefined })
  const openSource: OpenSource = recover ? (source) => ({ ...openStored(source), recover }) : openStored
  const db = makeDb({
    url,
    name: 'test',
    max: connections,
    onError: () => undefined,
    settings: slowSettings(patience() * limits),
  })
  const opened: WakeUps[] = []
  const newWakeUps = (ownClock: DbClock = clock): WakeUps => {
    const wakeUps = makeAgendaWakeUps({ databaseUrl: url, mongodbUri, clock: ownClock, logger })
    opened.push(wakeUps)
    return wakeUps
  }
  const common = { url, db, clock, ids, logger, random, openSource, version: 'test', default_timeout: 30 }
  const wakeUps = newWakeUps()
  const running = await startEngine({ ...common, wakeUps, vault, pool, addSecret: () => undefined })
  const engine = asClient(running)
  const stub: StubLangflow = await startStubLangflow({ key: LANGFLOW_KEY, ...stubOptions })

  return {
    url,
    db,
    engine,
    stub,
    clock,
    wakeUps,
    newWakeUps,
    pool,
    /** For what is started beside the engine. */
    parts: { db, clock, ids, vault, pool, logger },
    /** What the engine was started with, for a worker beside it. */
    common,
    /** As the API has them: what is the user's and the flow's own is source text. */
    raw: running,
    jsonTasks: running.tasks,
    /** A connected source with one of its flows. */
    async sync(flow: keyof StubLangflow['flows'] = 'echo') {
      const source =
        (await engine.sources.list({ limit: 1, offset: 0 })).items[0] ??
        (await engine.sources.create({ url: stub.url, api_key: LANGFLOW_KEY, max_concurrency: 40 }))
      const synced = await engine.workflows.sync(stub.flows[flow], {})
      if (!('workflow' in synced)) throw new Error('one flow was asked for')
      return { source, workflow: synced.workflow }
    },
    async close() {
      await engine.close()
      await Promise.all(opened.map((one) => one.stop()))
      await stub.close()
      await pool.close()
      await db.close()
      await database.drop()
    },
  }
}
export type EngineStack = Awaited<ReturnType<typeof openEngineStack>>
