import { spawn } from 'node:child_process'
import { closeSync, copyFileSync, existsSync, openSync, readFileSync, statSync, truncateSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { createInterface } from 'node:readline'
import { Client } from 'pg'
import { type Account, runAs } from './account.ts'
import { cleanEnv, DATABASE } from './cluster.ts'
import { EmbeddedError } from './embedded-error.ts'

/**
 * The supervisor: runs PostgreSQL as long as the pipe on its standard input has a writer, and starts it again when it ends before that. It is a shell
 * script, because it must outlive this process and run as a user that may be unable to enter the folder of Node. It prints each start and end on its
 * standard output.
 */
const SUPERVISOR = `
main=$$
# A service manager that signals all processes of a service must not end the database before the process that still drains.
trap '' HUP INT TERM PIPE
exec 3<&0 0</dev/null
{ while read -r _; do :; done; kill -USR1 $main; } <&3 3<&- 1>&- &
watcher=$!
exec 3<&-
server= stop= halting= failures=0
# Repeated, because a signal that comes before PostgreSQL has set its handlers is lost.
halt() { [ -n "$halting" ] || { { while kill -INT $server 2>/dev/null; do sleep 0.1; done; } 1>&- & halting=$!; }; }
trap 'stop=1; [ -z "$server" ] || halt' USR1
while [ -z "$stop" ]; do
  begun=$(date +%s)
  "$@" 1>&2 &
  server=$!
  echo "started $server" 2>/dev/null
  [ -z "$stop" ] || halt
  while :; do wait $server; status=$?; kill -0 $server 2>/dev/null || break; done
  server=
  echo "exited $status" 2>/dev/null
  kill -0 $watcher 2>/dev/null || break
  [ $(($(date +%s) - begun)) -lt 10 ] || failures=0
  failures=$((failures + 1))
  [ $failures -lt 6 ] || break
  [ -n "$stop" ] || { sleep 0.$((failures * 15)) & wait $!; }
done
kill -KILL $watcher $halting 2>/dev/null
wait $watcher $halting 2>/dev/null # so that nothing is left when this has ended
exit 0
`

const SETTINGS = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  synchronous_commit: 'on',
  max_connections: '200',
  shared_buffers: '128MB',
  jit: 'off', // short statements: compiling costs more than it saves
  max_logical_replication_workers: '0',
  timezone: 'UTC',
  log_timezone: 'UTC',
  // The log has the server's own start, stop and errors. Failed statements are logged by the caller; here they would put users' data into the file.
  log_min_messages: 'log',
  log_min_error_statement: 'panic',
  log_checkpoints: 'off',
}

const LOG_BYTES = 5_000_000

/** Moves a large log to `.1`, so that it does not fill the disk. The server goes on writing to the same file, which is empty then. */
export const trimLog = (path: string): void => {
  if (!existsSync(path) || statSync(path).size < LOG_BYTES) return
  copyFileSync(path, `${path}.1`)
  truncateSync(path)
}

/** The wanted port when it is free, else one that the system gives. */
export const freePort = async (wanted: number | null): Promise<number> => {
  const probe = (port: number): Promise<number | null> =>
    new Promise((resolve) => {
      const server = createServer()
      server.once('error', () => resolve(null))
      server.listen(port, '127.0.0.1', () => {
        const { port: bound } = server.address() as AddressInfo // it listens on TCP
        server.close(() => resolve(bound))
      })
    })
  const port = (wanted ? await probe(wanted) : null) ?? (await probe(0))
  if (port === null) throw new EmbeddedError('PostgreSQL finds no free port on 127.0.0.1.')
  return port
}

type Options = {
  postgres: string
  cluster: string
  account: Account | null
  port: number
  settings: Record<string, string>
  logFile: string
  /** The end of the pipe that the supervisor reads. */
  reader: number
}

export type Server = {
  /** PostgreSQL's process, once it is started. */
  pid: () => number | null
  /** Resolves when PostgreSQL ends before `release`, with what it has logged. */
  ended: Promise<string>
  /** Waits until the supervisor is gone, which is after PostgreSQL. */
  untilExited: () => Promise<void>
  /** From now on the server lives as long as it has users, and this process may end before it. */
  release: () => void
  /** Ends the supervisor and its server. */
  stop: () => Promise<void>
}

export const launch = ({ postgres, cluster, account, port, settings, logFile, reader }: Options): Server => {
  trimLog(logFile)
  const log = openSync(logFile, 'a', 0o600)
  const begin = statSync(logFile).size
  const args = Object.entries({ ...SETTINGS, ...settings }).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const child = spawn(
    '/bin/sh',
    ['-c', SUPERVISOR, 'spark-postgres', postgres, '-D', cluster, '-p', String(port), ...args],
    {
      ...runAs(account),
      env: cleanEnv(),
      stdio: [reader, 'pipe', log],
      // In a session of its own: Ctrl-C in the terminal reaches every process in ours, and our pools must close first.
      detached: true,
    },
  )
  closeSync(log)

  let pid: number | null = null
  const exited = new Promise<void>((done) => child.once('exit', () => done()).once('error', () => done()))
  const ended = new Promise<void>((done) => {
    const { stdout } = child
    if (!stdout) return done() // it could not be spawned
    createInterface({ input: stdout }).on('line', (line) => {
      const [what, value] = line.split(' ')
      if (what === 'started') pid = Number(value)
      else done()
    })
    void exited.then(done)
  })
  return {
    pid: () => pid,
    ended: ended.then(() => readFileSync(logFile).subarray(begin).toString('utf8')),
    untilExited() {
      child.ref()
      return exited
    },
    release() {
      child.stdout?.destroy()
      child.unref()
    },
    async stop() {
      child.kill('SIGUSR1')
      await exited
    },
  }
}

export const urlOf = (port: number, password: string, database = DATABASE): string =>
  `postgresql://${DATABASE}:${password}@127.0.0.1:${port}/${database}`

/**
 * Whether the server at a port is that of this data directory, and accepts connections: it has to know the password. Makes our database if it is
 * missing.
 */
export const answers = async (port: number, password: string, isNew = false): Promise<boolean> => {
  const client = new Client({
    connectionString: urlOf(port, password, isNew ? 'postgres' : DATABASE),
    connectionTimeoutMillis: 3_000,
  })
  client.on('error', () => {}) // the call that it belongs to throws it, too
  try {
    await client.connect()
    if (isNew) await client.query(`create database ${DATABASE}`)
    return true
  } catch (error) {
    const code = String((error as { code?: unknown }).code) // whatever pg or the socket threw
    if (code === '3D000') return answers(port, password, true)
    if (code === '42P04' || code === '23505') return true // another process made it
    if (code === '53300') return true // so many clients that there is no room for one more
    if (code === '28P01' || code === '28000') throw error
    return false
  } finally {
    await client.end().catch(() => {})
  }
}
