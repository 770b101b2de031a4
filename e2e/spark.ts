import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Spark } from '@automagik-spark/sdk'
import { patient } from '@automagik-spark/testing'

export { until } from '@automagik-spark/testing'

const built = (path: string) => fileURLToPath(new URL(`../${path}`, import.meta.url))
export const CLI = built('apps/cli/dist/main.js')
export const API = built('apps/api/dist/main.js')
export const WORKER = built('apps/worker/dist/main.js')

/** A process of the built product, and all that it said. */
export type Running = {
  child: ChildProcess
  output: () => string
  /** Resolves when the output matches; rejects when the process ends before. */
  says: (pattern: RegExp, ms?: number) => Promise<RegExpMatchArray>
  /** Asks it to end and waits; the exit code. */
  stop: (signal?: NodeJS.Signals) => Promise<number | null>
  exited: Promise<number | null>
}

export const tempDir = (): string => mkdtempSync(join(tmpdir(), 'spark-e2e-'))
export const removeDir = (dir: string): void => rmSync(dir, { recursive: true, force: true })

/** Only what is given and what Node needs: nothing of the developer's environment. */
export const cleanEnv = (env: Record<string, string>): Record<string, string> => ({
  PATH: process.env.PATH ?? '',
  HOME: process.env.HOME ?? '',
  LOG_FORMAT: 'json',
  // What else runs on the developer's machine is no part of a test.
  SPARK_DISCOVERY: 'false',
  ...env,
})

export const run = (
  script: string,
  args: string[],
  { env, cwd }: { env: Record<string, string>; cwd: string },
): Running => {
  const child = spawn(process.execPath, [script, ...args], {
    env: { XDG_STATE_HOME: join(cwd, 'state'), ...cleanEnv(env) },
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  const waiting = new Set<() => void>()
  const more = (chunk: Buffer) => {
    output += chunk.toString()
    for (const look of waiting) look()
  }
  child.stdout.on('data', more)
  child.stderr.on('data', more)
  const exited = new Promise<number | null>((resolve) => child.once('close', (code) => resolve(code)))
  return {
    child,
    output: () => output,
    exited,
    says: (pattern, ms = 60_000) =>
      new Promise((resolve, reject) => {
        const end = (error: Error | null, match?: RegExpMatchArray) => {
          clearTimeout(timer)
          waiting.delete(look)
          if (match) resolve(match)
          else reject(error)
        }
        const look = () => {
          const match = output.match(pattern)
          if (match) end(null, match)
        }
        const timer = setTimeout(
          () => end(new Error(`${pattern} was not said within ${patient(ms)} ms:\n${output}`)),
          patient(ms),
        )
        void exited.then((code) => end(new Error(`ended with ${code} before it said ${pattern}:\n${output}`)))
        waiting.add(look)
        look()
      }),
    stop(signal = 'SIGTERM') {
      child.kill(signal)
      return exited
    },
  }
}

export type TestSpark = Running & { url: string; key: string; client: Spark; dir: string; pid: number }

/** `automagik-spark start` on a data directory, ready to be used. */
export const startSpark = async (dir: string, env: Record<string, string> = {}): Promise<TestSpark> => {
  const running = run(CLI, ['start'], { env: { API_PORT: '0', SPARK_DATA_DIR: join(dir, 'data'), ...env }, cwd: dir })
  const [, url] = await running.says(/Spark is ready at (http:\/\/\S+)/)
  const key = env.SPARK_API_KEY ?? readFileSync(join(dir, 'data', 'api-key'), 'utf8').trim()
  return {
    ...running,
    url: url!,
    key,
    dir,
    pid: running.child.pid!,
    client: new Spark({ baseUrl: url!, apiKey: key, timeout: patient(60_000) }),
  }
}
