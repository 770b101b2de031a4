import { spawn, type SpawnOptions, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  chownSync,
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { env, pid } from 'node:process'
import { type Account, runAs } from './account.ts'
import { EmbeddedError } from './embedded-error.ts'
import { isAlive } from './postmaster.ts'

export const DATABASE = 'spark'
const MAJOR = '18'

/** PostgreSQL reads PGDATA, PGPORT, LC_ALL and more from its environment, so it gets none of ours. */
export const cleanEnv = (): NodeJS.ProcessEnv => ({ PATH: env['PATH'], LC_ALL: 'C', TZ: 'UTC' })

/** Also true when it belongs to another user and we may not look inside. */
export const hasCluster = (cluster: string): boolean => {
  try {
    return statSync(join(cluster, 'PG_VERSION')).isFile()
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EACCES'
  }
}

export const checkVersion = (cluster: string): void => {
  const version = readFileSync(join(cluster, 'PG_VERSION'), 'utf8').trim()
  if (version !== MAJOR) {
    throw new EmbeddedError(
      `The database in ${cluster} was made by PostgreSQL ${version}, and this version of Spark brings PostgreSQL ${MAJOR}: dump it with the Spark that made it and restore it here, or choose another SPARK_DATA_DIR.`,
    )
  }
}

/** One sentence that explains what a program of PostgreSQL printed before it ended. */
export const explain = (output: string, cluster: string): string => {
  if (/No space left on device/i.test(output)) return `There is no space left on the disk of ${cluster}.`
  if (/ENOENT/.test(output))
    return 'The embedded PostgreSQL does not run on this system (it needs the GNU C library, so not on Alpine): set DATABASE_URL to a PostgreSQL of your own.'
  const unnamed = /could not look up effective user ID (\d+)/.exec(output)?.[1]
  if (unnamed)
    return `PostgreSQL looks its user up by name, and user id ${unnamed} has no entry in /etc/passwd: add one, or set DATABASE_URL to a PostgreSQL of your own.`
  if (/Permission denied/i.test(output)) return `PostgreSQL may not use ${cluster} (permission denied).`
  const lines = output
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean)
  const telling = lines.filter((line) => /(FATAL|PANIC|error):/i.test(line)).at(-1) ?? lines.at(-1) ?? 'it said nothing'
  return `PostgreSQL did not start: ${telling.replace(/^.*?\b(FATAL|PANIC|error):\s*/i, '')}`
}

const run = (command: string, args: string[], options: SpawnOptions): Promise<{ ok: boolean; output: string }> =>
  new Promise((resolve) => {
    let output = ''
    const child = spawn(command, args, { ...options, stdio: ['ignore', 'ignore', 'pipe'] })
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (output += text))
    child.on('error', (error) => resolve({ ok: false, output: error.message }))
    child.on('close', (code) => resolve({ ok: code === 0, output }))
  })

/** Removes what a process left that was killed during its first start. */
const removeHalfMade = (cluster: string): void => {
  const prefix = `${basename(cluster)}.new-`
  for (const name of readdirSync(dirname(cluster))) {
    if (!name.startsWith(prefix) || isAlive(Number.parseInt(name.slice(prefix.length), 10))) continue
    rmSync(join(dirname(cluster), name), { recursive: true, force: true })
  }
}

/** Makes a rename durable, so that a power cut does not undo it. */
const syncFolder = (folder: string): void => {
  const file = openSync(folder, 'r')
  try {
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

type Options = { cluster: string; initdb: string; account: Account | null; password: string; sync: boolean }

/** Makes the database files beside their place and renames them, so that they are complete or missing, even with two first starts at once or a kill in between. */
export const createCluster = async ({ cluster, initdb, account, password, sync }: Options): Promise<void> => {
  removeHalfMade(cluster)
  const half = `${cluster}.new-${pid}-${randomBytes(4).toString('hex')}`
  const passwordFile = `${half}.password`
  try {
    mkdirSync(half, { mode: 0o700 })
    writeFileSync(passwordFile, `${password}\n`, { mode: 0o600, flag: 'wx' })
    if (account) for (const path of [half, passwordFile]) chownSync(path, account.uid, account.gid)
    const { ok, output } = await run(
      initdb,
      [
        ...[
          '--pgdata',
          half,
          '--username',
          DATABASE,
          '--pwfile',
          passwordFile,
          '--auth',
          'scram-sha-256',
          '--no-instructions',
        ],
        // The builtin provider sorts and upper-cases alike on every system, whatever locales are installed there.
        ...['--encoding', 'UTF8', '--locale', 'C', '--locale-provider', 'builtin', '--builtin-locale', 'C.UTF-8'],
        ...(sync ? [] : ['--no-sync']),
      ],
      { ...runAs(account), env: cleanEnv() },
    )
    if (!ok) throw new EmbeddedError(explain(output, cluster))
    renameSync(half, cluster)
    if (sync) syncFolder(dirname(cluster))
  } catch (error) {
    if (hasCluster(cluster)) return // another process was faster, and its rename won
    throw error
  } finally {
    rmSync(half, { recursive: true, force: true })
    rmSync(passwordFile, { force: true })
  }
}

/** Gives files to an account: those that root copied or restored belong to root, as whom PostgreSQL refuses to run. */
export const giveTo = (account: Account, cluster: string): void => {
  const { status, stderr } = spawnSync('chown', ['-R', `${account.uid}:${account.gid}`, cluster], { encoding: 'utf8' })
  if (status !== 0) throw new EmbeddedError(`${cluster} cannot be given to user ${account.name} (${stderr.trim()}).`)
  chmodSync(cluster, 0o700)
}
