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
import type { LocalCommands, Overrides } from './local-commands.ts'
import { writePidFile } from './pid-file.ts'
import { welcome } from './welcome.ts'

type Env = Record<string, string | undefined>
type Proc = NodeJS.Process

type Stop = () => Promise<void>

/** Writes the address into the data directory, where the other commands find it, and greets the person who started Spark. */
const announce = async ({ data_dir, made_api_key }: Foundation, url: string, proc: Proc): Promise<Stop> => {
  if (data_dir === null) {
    proc.stderr.write(welcome({ url, made_api_key, data_dir }))
    return async () => undefined
  }
  const removeApiUrl = await writeApiUrl(data_dir.dir, url)
  const removePidFile = writePidFile(proc.env, { dataDir: data_dir.dir, url, pid: proc.pid })
  proc.stderr.write(welcome({ url, made_api_key, data_dir }))
  return async () => {
    removePidFile()
    await removeApiUrl()
  }
}

const runApi = async (foundation: Foundation, proc: Proc): Promise<Stop> => {
  const api = await startApi(foundation)
  const withdraw = await announce(foundation, api.url, proc)
  return async () => {
    await withdraw()
    await api.close()
  }
}
const runWorker = async (foundation: Foundation, proc: Proc): Promise<Stop> =>
  (await makeWorker(foundation, { hostname: hostname(), pid: proc.pid })).stop

/**
 * API and worker on one foundation. The API binds its port first: when the port is taken, the worker must claim nothing. At the stop
 * the API accepts no new request, the runs in progress end, and their callers still get their answers.
 */
const runApiAndWorker = async (foundation: Foundation, proc: Proc): Promise<Stop> => {
  const api = await startApi(foundation)
  let stopWorker: Stop
  try {
    stopWorker = await runWorker(foundation, proc)
    await api.look()
  } catch (error) {
    await api.close()
    throw error
  }
  const withdraw = await announce(foundation, api.url, proc)
  return async () => {
    await withdraw()
    await api.leave() // the worker still runs: requests that are accepted meanwhile need it
    await Promise.all([api.close(), stopWorker()])
  }
}

export const makeLocalCommands = (proc: Proc): LocalCommands => {
  const envWith = (overrides: Overrides): Env => ({ ...proc.env, ...overrides })
  const onDatabase = async <T>(make: boolean, work: Parameters<typeof withDatabase<T>>[3]): Promise<T> => {
    try {
      return await withDatabase(proc.env, proc.cwd(), { make }, work)
    } catch (error) {
      throw new CliError(startFailure(error), { cause: error })
    }
  }
  return {
    start: (overrides) =>
      runProcess({
        proc,
        env: envWith(overrides),
        role: 'start',
        start: (foundation) => runApiAndWorker(foundation, proc),
      }),
    apiStart: (overrides) =>
      runProcess({ proc, env: envWith(overrides), role: 'api', start: (foundation) => runApi(foundation, proc) }),
    workerStart: (overrides) =>
      runProcess({ proc, env: envWith(overrides), role: 'worker', start: (foundation) => runWorker(foundation, proc) }),
    dbMigrate: () => onDatabase(true, (url, { mongodb_uri }) => prepareDatabase({ url, mongodb_uri })),
    dbStatus: () => onDatabase(false, (url) => migrationStatus({ url })),
  }
}
