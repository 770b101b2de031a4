import { resolve } from 'node:path'
import { hasDatabase } from '@automagik-spark/embedded-postgres'
import type { Foundation } from './boot.ts'
import { boot, openDatabase } from './boot.ts'
import type { Config } from './config/config.ts'
import { loadConfig } from './config/config.ts'
import { readEnvironment } from './config/env-file.ts'
import type { Role } from './config/variables.ts'
import { DataDirError } from './data-dir.ts'
import { untilSignal } from './lifecycle.ts'
import { startFailure } from './start-failure.ts'

type ProcessLike = Pick<NodeJS.Process, 'cwd' | 'exit' | 'stdout' | 'stderr' | 'on'>
type Env = Record<string, string | undefined>

type Life = {
  proc: ProcessLike
  env: Env
  role: Role
  /** Starts the API or the worker; the returned function stops it. */
  start: (foundation: Foundation) => Promise<() => Promise<void>>
}

/** Runs a process: reads the configuration, opens the stores, calls `start`, and at the first signal closes all in reverse order. */
export const runProcess = async ({ proc, env, role, start }: Life): Promise<void> => {
  // Output may fail, as the disk is full or the reader gone. That is no reason to end.
  for (const output of [proc.stdout, proc.stderr]) output.on('error', () => undefined)
  let foundation: Foundation | null = null
  let code = 0
  try {
    const config = loadConfig(readEnvironment(env, proc.cwd(), role), role)
    // Before anything is opened, so that a signal during the start also closes what was opened.
    const signalled = untilSignal(proc, (message) => proc.stderr.write(`${message}\n`))
    foundation = await boot(config, {
      isTerminal: proc.stderr.isTTY === true,
      // eslint-disable-next-line no-restricted-properties -- the only place that reads this machine's clock, to compare it with PostgreSQL's
      wallNow: Date.now,
      random: Math.random,
      atExit: (last) => void proc.on('exit', last),
    })
    const stop = await start(foundation)
    await signalled
    await stop()
  } catch (error) {
    proc.stderr.write(`${startFailure(error)}\n`)
    code = 1
  }
  await foundation?.close().catch((error: unknown) => proc.stderr.write(`${startFailure(error)}\n`))
  proc.exit(code) // Agenda's timers would keep the process alive for seconds
}

/** Opens the configured database for `work`, without migrating it. `make`: an embedded one may be new. */
export const withDatabase = async <T>(
  env: Env,
  cwd: string,
  { make }: { make: boolean },
  work: (url: string, config: Config) => Promise<T>,
): Promise<T> => {
  const config = loadConfig(readEnvironment(env, cwd, 'db'), 'db')
  if (config.embedded && !make && !hasDatabase(config.data_dir)) {
    throw new DataDirError(
      `There is no Spark in ${resolve(config.data_dir)}: name its folder with SPARK_DATA_DIR, or its PostgreSQL with DATABASE_URL.`,
    )
  }
  const database = await openDatabase(config, () => undefined)
  try {
    return await work(database.url, config)
  } finally {
    await database.close()
  }
}
