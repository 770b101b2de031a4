import { hostname } from 'node:os'
import { startApi } from '@automagik-spark/api'
import type { Foundation } from '@automagik-spark/runtime'
import {
  migrationStatus,
  prepareDatabase,
  runProcess,
  startFailure,
  withDatabase,
  writeApiUrl,
} from '@automagik-spark/runtime'
import { makeWorker } from '@automagik-spark/worker'
import { CliError } from './errors.ts'
import type { Overrides, Processes } from './processes.ts'
import { noteRunning } from './running.ts'
import { welcome } from './welcome.ts'

type Env = Record<string, string | undefined>
type Proc = NodeJS.Process

type Stop = () => Promise<void>

/** Leaves word of the API in the data directory for the other commands, and tells the person who started it. */
const announce = async ({ data_dir, made_api_key }: Foundation, url: string, proc: Proc): Promise<Stop> => {
  if (data_dir === null) {
    proc.stderr.write(welcome({ url, made_api_key, data_dir }))
    return async () => undefined
  }
  const takeBack = await writeApiUrl(data_dir.dir, url)
  const forget = noteRunning(proc.env, { dataDir: data_dir.dir, url, pid: proc.pid })
  proc.stderr.write(welcome({ url, made_api_key, data_dir }))
  return async () => {
    forget()
    await takeBack()
  }
}

const api = async (foundation: Foundation, proc: Proc): Promise<Stop> => {
  const listening = await startApi(foundation)
  const takeBack = await announce(foundation, listening.url, proc)
  return async () => {
    await takeBack()
    await listening.close()
  }
}
const worker = async (foundation: Foundation, proc: Proc): Promise<Stop> =>
  (await makeWorker(foundation, { hostname: hostname(), pid: proc.pid })).stop

/**
 * API and worker on one foundation. The port is bound first: where it is taken, nothing is claimed. At the end no new request is taken
 * while the runs in hand end, and their callers still get their answers.
 */
const both = async (foundation: Foundation, proc: Proc): Promise<Stop> => {
  const listening = await startApi(foundation)
  let stopWorker: Stop
  try {
    stopWorker = await worker(foundation, proc)
    await listening.look()
  } catch (error) {
    await listening.close()
    throw error
  }
  const takeBack = await announce(foundation, listening.url, proc)
  return async () => {
    await takeBack()
    await listening.leave() // with the worker, since what is accepted meanwhile wants one
    await Promise.all([listening.close(), stopWorker()])
  }
}

/** The processes that the command line starts, as this process. */
export const makeProcesses = (proc: Proc): Processes => {
  const envWith = (overrides: Overrides): Env => ({ ...proc.env, ...overrides })
  const ofDatabase = async <T>(make: boolean, work: Parameters<typeof withDatabase<T>>[3]): Promise<T> => {
    try {
      return await withDatabase(proc.env, proc.cwd(), { make }, work)
    } catch (error) {
      throw new CliError(startFailure(error), { cause: error })
    }
  }
  return {
    start: (overrides) =>
      runProcess({ proc, env: envWith(overrides), role: 'start', start: (foundation) => both(foundation, proc) }),
    apiStart: (overrides) =>
      runProcess({ proc, env: envWith(overrides), role: 'api', start: (foundation) => api(foundation, proc) }),
    workerStart: (overrides) =>
      runProcess({ proc, env: envWith(overrides), role: 'worker', start: (foundation) => worker(foundation, proc) }),
    dbMigrate: () => ofDatabase(true, (url, { mongodb_uri }) => prepareDatabase({ url, mongodb_uri })),
    dbStatus: () => ofDatabase(false, (url) => migrationStatus({ url })),
  }
}
