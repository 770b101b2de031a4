import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort, isRoot, runAs, unprivilegedAccount } from '@automagik-spark/embedded-postgres'
import pg from 'pg'
import type { TemporaryServer } from '../src/testing.ts'

const PASSWORD = 'spark'
/** PostgreSQL reads PGDATA, PGPORT, LC_ALL and more from its environment: it gets none of ours. */
const ENV = { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' }
const START_TRIES = 600

/** Stops the server and removes its folder when this process is gone, also by SIGKILL. */
const endAfterUs = (dir: string): ChildProcess => {
  const script =
    'read -r _; pid=$(head -n 1 "$1/data/postmaster.pid" 2>/dev/null) && kill -INT "$pid"; tries=0; ' +
    'while [ -e "$1/data/postmaster.pid" ] && [ $tries -lt 300 ]; do sleep 0.1; tries=$((tries + 1)); done; rm -rf "$1"'
  const janitor = spawn('/bin/sh', ['-c', script, 'sh', dir], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
    cwd: '/',
  })
  janitor.unref()
  return janitor
}

/**
 * A PostgreSQL from the programs in `bin`, of any version and with the defaults of whoever built it: only its address and how many may
 * connect are ours to say.
 */
export const startOtherServer = async (
  bin: string,
  settings: Record<string, string> = {},
): Promise<TemporaryServer> => {
  const account = isRoot() ? unprivilegedAccount() : null
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'spark-other-postgres-')))
  const data = join(dir, 'data')
  const log = join(dir, 'log')
  const passwordFile = join(dir, 'password')
  chmodSync(dir, 0o755)
  mkdirSync(data, { mode: 0o700 })
  writeFileSync(passwordFile, `${PASSWORD}\n`, { mode: 0o600 })
  if (account) for (const path of [data, passwordFile]) chownSync(path, account.uid, account.gid)
  const janitor = endAfterUs(dir)
  const options = { ...runAs(account), env: ENV }

  const made = spawnSync(
    join(bin, 'initdb'),
    [
      '-D',
      data,
      '-U',
      'spark',
      '--pwfile',
      passwordFile,
      '-A',
      'scram-sha-256',
      '-E',
      'UTF8',
      '--locale',
      'C',
      '--no-sync',
    ],
    { ...options, encoding: 'utf8' },
  )
  if (made.status !== 0) {
    rmSync(dir, { recursive: true, force: true })
    throw new Error(`initdb of ${bin} failed: ${made.error?.message ?? made.stderr}`)
  }
  const port = await freePort(null)
  const ours = { listen_addresses: '127.0.0.1', unix_socket_directories: '', max_connections: '300', ...settings }
  const server = spawn(
    join(bin, 'postgres'),
    ['-D', data, '-p', String(port), ...Object.entries(ours).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
    {
      ...options,
      detached: true,
      stdio: ['ignore', openSync(log, 'a'), openSync(log, 'a')],
    },
  )
  const ended = new Promise<void>((resolve) => server.once('exit', () => resolve()).once('error', () => resolve()))
  const close = async () => {
    server.kill('SIGINT')
    await ended
    rmSync(dir, { recursive: true, force: true })
    janitor.stdin?.end()
  }
  const url = `postgresql://spark:${PASSWORD}@127.0.0.1:${port}/postgres`
  for (let tries = 1; ; tries++) {
    const client = new pg.Client({ connectionString: url })
    client.on('error', () => undefined) // told by the call that it belongs to
    try {
      await client.connect()
      return { url, dir, close }
    } catch (error) {
      if (tries < START_TRIES && server.exitCode === null) {
        await sleep(50)
        continue
      }
      const said = readFileSync(log, 'utf8')
      await close()
      throw new Error(`PostgreSQL of ${bin} did not start: ${said}`, { cause: error })
    } finally {
      await client.end().catch(() => undefined)
    }
  }
}
