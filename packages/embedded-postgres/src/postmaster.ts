import { spawnSync } from 'node:child_process'
import { readFileSync, realpathSync, renameSync, rmSync } from 'node:fs'
import { platform } from 'node:os'
import { join } from 'node:path'
import { kill, pid as ourPid } from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Account, runAs } from './account.ts'
import { EmbeddedError } from './embedded-error.ts'

/** What PostgreSQL says about itself in the data directory's postmaster.pid. */
export type Postmaster = { pid: number; port: number; status: string; text: string }

const STOP_MS = 60_000
const PATIENCE_MS = 5_000
const POLL_MS = 10

export const isAlive = (pid: number): boolean => {
  try {
    return kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

export const readPostmaster = (cluster: string): Postmaster | null => {
  try {
    const text = readFileSync(join(cluster, 'postmaster.pid'), 'utf8')
    const lines = text.split('\n')
    const pid = Number.parseInt(lines[0] ?? '', 10)
    return pid > 0 ? { pid, port: Number(lines[3]), status: (lines[7] ?? '').trim(), text } : null
  } catch {
    return null
  }
}

/** A process that PostgreSQL's user may not signal is not PostgreSQL, as PostgreSQL itself decides it. */
const maySignal = (pid: number, account: Account | null): boolean =>
  spawnSync('/bin/sh', ['-c', 'kill -0 "$1"', 'sh', String(pid)], { ...runAs(account), stdio: 'ignore' }).status === 0

/** The working directory of a process, which for PostgreSQL is its data directory; null when it cannot be read. */
const workingFolder = (pid: number, account: Account | null): string | null => {
  const options = { ...runAs(account), encoding: 'utf8' } as const // root in a container may be forbidden to read it, but the account is not
  if (platform() === 'linux') return spawnSync('readlink', [`/proc/${pid}/cwd`], options).stdout?.trim() || null
  const { stdout } = spawnSync('lsof', ['-a', '-p', String(pid), '-d', 'cwd', '-Fn'], options)
  return (
    stdout
      ?.split('\n')
      .find((line) => line.startsWith('n'))
      ?.slice(1) ?? null
  )
}

/** Waits until this server has left its data directory; false after `limitMs`. A later server on it does not count. */
const untilGone = async (cluster: string, pid: number, limitMs: number): Promise<boolean> => {
  const began = performance.now()
  while (readPostmaster(cluster)?.pid === pid && isAlive(pid)) {
    if (performance.now() - began > limitMs) return false
    await sleep(POLL_MS)
  }
  return true
}

const stop = async (cluster: string, pid: number): Promise<void> => {
  try {
    kill(pid, 'SIGINT')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return
    throw error
  }
  if (await untilGone(cluster, pid, STOP_MS)) return
  throw new EmbeddedError(`PostgreSQL (process ${pid}) still runs on ${cluster} and does not stop: end that process.`)
}

/** Waits for the supervisor to stop its server, after the last user has gone. If the supervisor was killed, this process stops the server. */
export const untilStopped = async (cluster: string, pid: number): Promise<void> => {
  if (!(await untilGone(cluster, pid, PATIENCE_MS))) await stop(cluster, pid)
}

type Options = {
  cluster: string
  account: Account | null
  hasSupervisor: () => boolean
  log: (message: string) => void
}

/**
 * Clears what would keep PostgreSQL from starting. A server without a supervisor is ending, or its supervisor was killed: it is stopped in both cases. A
 * lock file whose pid belongs to another program now is removed.
 */
export const clearOrphan = async ({ cluster, account, hasSupervisor, log }: Options): Promise<void> => {
  const found = readPostmaster(cluster)
  // In this order: a supervisor opens its end of the pipe before its server exists.
  if (!found || hasSupervisor() || !maySignal(found.pid, account)) return

  const folder = workingFolder(found.pid, account)
  if (!isAlive(found.pid)) return
  if (folder === null) {
    throw new EmbeddedError(
      `Process ${found.pid} may be a PostgreSQL on ${cluster}: end it; if it is something else, remove ${join(cluster, 'postmaster.pid')}.`,
    )
  }
  if (folder !== realpathSync(cluster)) {
    const aside = join(cluster, `postmaster.pid.stale-${ourPid}`)
    renameSync(join(cluster, 'postmaster.pid'), aside)
    if (readFileSync(aside, 'utf8') === found.text) rmSync(aside)
    else renameSync(aside, join(cluster, 'postmaster.pid')) // a server that another process started just now
    return
  }
  if (found.status !== 'stopping') log('An earlier Spark was killed and its PostgreSQL still runs: stopping it')
  await stop(cluster, found.pid)
}
