import { spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** The root of the repository, seen from `bench/dist`, where this file is built to. */
export const root = fileURLToPath(new URL('../../', import.meta.url))
/** Imported by each program, so that it ends when this process ends, however that happens. */
const TETHER = new URL('../../scripts/lib/tether.mjs', import.meta.url).href

export type Running = {
  pid: number
  /** What the group of the pattern `ready` matched. */
  said: string
  exited: Promise<number | null>
  /** Sends SIGTERM and waits; sends SIGKILL after STOP_MS. */
  stop: () => Promise<void>
}
type Start = {
  name: string
  script: string
  args?: string[]
  nodeArgs?: string[]
  env?: Record<string, string>
  /** Matches what it prints when it can be used; null: it prints nothing of the kind. */
  ready: RegExp | null
  /** File for standard output, when that is long. */
  logFile?: string
  signal: AbortSignal
}

/** The floor `agenda` saves 10,000 jobs one by one before it is ready. */
const READY_MS = 180_000
const STOP_MS = 40_000
const KEPT_CHARS = 4_000

/** Starts a Node program and waits until it is ready. Of our environment it gets only what Node needs. */
export const startProcess = async ({
  name,
  script,
  args = [],
  nodeArgs = [],
  env = {},
  ready,
  logFile,
  signal,
}: Start): Promise<Running> => {
  const log = logFile === undefined ? null : openSync(logFile, 'a')
  const child = spawn(process.execPath, ['--import', TETHER, ...nodeArgs, script, ...args], {
    cwd: root,
    env: { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '', ...env },
    stdio: ['ignore', log ?? 'pipe', 'pipe', 'ipc'],
    detached: process.platform !== 'win32', // Ctrl-C reaches this process only, which stops the others in order
  })
  if (log !== null) closeSync(log) // the child has its own descriptor
  const exited = new Promise<number | null>((resolve) => child.once('close', resolve))
  const stop = async () => {
    child.kill('SIGTERM')
    const killer = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
    await exited
    clearTimeout(killer)
  }
  let output = ''
  let timer: NodeJS.Timeout | undefined
  let giveUp = (): void => {}
  try {
    const said = await new Promise<string>((resolve, reject) => {
      const fail = (how: string) => reject(new Error(`${name} ${how}${output === '' ? '' : `:\n${output}`}`))
      const look = (chunk: Buffer) => {
        output = (output + chunk.toString()).slice(-KEPT_CHARS)
        const match = ready && output.match(ready)
        if (match) resolve(match[1] ?? match[0])
      }
      child.stdout?.on('data', look)
      child.stderr?.on('data', look)
      if (ready === null) child.once('spawn', () => resolve(''))
      child.once('error', (error) => fail(`could not be started: ${error.message}`))
      timer = setTimeout(() => fail(`was not ready within ${READY_MS / 1000} s`), READY_MS)
      void exited.then((code) => fail(`ended with ${code} before it was ready`))
      giveUp = () => fail('was stopped before it was ready')
      signal.addEventListener('abort', giveUp)
    })
    return { pid: child.pid!, said, exited, stop } // it was ready, so it has a pid
  } catch (error) {
    await stop()
    throw error
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', giveUp)
  }
}
