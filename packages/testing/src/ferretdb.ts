import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { MongoForTests } from './mongo-for-tests.ts'
import { packageRoot } from './package-root.ts'

type Options = {
  go: string
  postgresUrl: string
  cacheFolder: string
  database: string
  progress: (line: string) => void
}

const BUILD_LIMIT_MS = 15 * 60_000
const START_LIMIT_MS = 30_000
const source = fileURLToPath(new URL('mongo/', packageRoot))

/** The server of `mongo/`, built on first use. It ends when its standard input does, so it cannot outlive this process. */
export const startFerretDb = async ({
  go,
  postgresUrl,
  cacheFolder,
  database,
  progress,
}: Options): Promise<MongoForTests> => {
  const program = await buildFerretDb(go, cacheFolder, progress)
  const child = spawn(program, { stdio: ['pipe', 'pipe', 'pipe'] })
  const complaints = collect(child)
  const exited = once(child, 'exit')
  child.stdin.on('error', () => undefined) // it may have ended already: then its exit says why
  child.stdin.write(`${postgresUrl}\n`)

  const address = once(createInterface(child.stdout), 'line').then(([line]) => String(line))
  const failed = exited.then(() => {
    throw new Error(`it ended at once: ${complaints()}`)
  })
  const late = sleep(START_LIMIT_MS, undefined, { ref: false }).then(() => {
    throw new Error(`it did not start within ${START_LIMIT_MS / 1000} s: ${complaints()}`)
  })
  failed.catch(() => undefined) // `close` rejects it, too
  late.catch(() => undefined)
  const uri = await Promise.race([address, failed, late]).catch((error: unknown) => {
    child.kill('SIGKILL')
    throw error
  })
  return {
    uri: new URL(database, uri).href,
    backend: 'ferretdb',
    async close() {
      child.stdin.end()
      const killer = setTimeout(() => child.kill('SIGKILL'), 5_000)
      await exited
      clearTimeout(killer)
    },
  }
}

/** Builds `mongo/` once for each state of its sources. Of several processes one builds, and the others wait. */
export const buildFerretDb = async (
  go: string,
  cacheFolder: string,
  progress: (line: string) => void,
): Promise<string> => {
  const folder = join(cacheFolder, 'spark-test-mongo')
  const hash = createHash('sha256')
  for (const name of ['main.go', 'go.mod', 'go.sum']) hash.update(readFileSync(join(source, name)))
  const name = `server-${hash.digest('hex').slice(0, 16)}${process.platform === 'win32' ? '.exe' : ''}`
  const program = join(folder, name)
  const lock = `${program}.lock`
  mkdirSync(folder, { recursive: true })

  const start = performance.now()
  const seconds = (): string => `${Math.round((performance.now() - start) / 1000)} s`
  const report = setInterval(() => progress(`still building it, ${seconds()}`), 15_000)
  try {
    while (!existsSync(program)) {
      if (performance.now() - start > BUILD_LIMIT_MS)
        throw new Error(`it was not built within ${BUILD_LIMIT_MS / 60_000} minutes`)
      if (!takeLock(lock)) {
        await sleep(250)
        continue
      }
      try {
        progress('building a Mongo server in Go; the first time this takes a minute or two')
        await compile(go, `${program}.${process.pid}`)
        renameSync(`${program}.${process.pid}`, program)
        progress(`built in ${seconds()}`)
      } finally {
        rmSync(lock, { force: true })
      }
    }
  } finally {
    clearInterval(report)
  }
  return program
}

/** One process gets the lock. The lock of a dead process is removed, and the next check decides who gets it. */
const takeLock = (lock: string): boolean => {
  try {
    writeFileSync(lock, String(process.pid), { flag: 'wx' })
    return true
  } catch {
    try {
      const owner = Number(readFileSync(lock, 'utf8'))
      const age = Date.now() - statSync(lock).mtimeMs
      if (age > BUILD_LIMIT_MS || (age > 1_000 && !isAlive(owner))) rmSync(lock, { force: true })
    } catch {
      // it was released just now
    }
    return false
  }
}

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

const compile = async (go: string, output: string): Promise<void> => {
  // Without sqlite, which is most of the code and not needed here, and without paths of this machine.
  const args = ['build', '-trimpath', '-buildvcs=false', '-tags', 'ferretdb_no_sqlite', '-o', output, '.']
  const child = spawn(go, args, {
    cwd: source,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, CGO_ENABLED: '0' },
  })
  const complaints = collect(child)
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0) throw new Error(`go build failed: ${complaints()}`)
}

/** The end of a child's stderr, as one line. */
const collect = (child: ChildProcess): (() => string) => {
  let text = ''
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    text = (text + chunk).slice(-2_000)
  })
  return () => text.trim().replaceAll('\n', ' | ') || 'without a word'
}
