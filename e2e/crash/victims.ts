import type { ChildProcess } from 'node:child_process'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { WorkerTimes } from '@automagik-spark/worker'
import { cleanEnv } from '../spark.ts'

// From here and from e2e/dist alike.
const SCRIPT = fileURLToPath(new URL('../crash/child.mjs', import.meta.url))

const KEPT_CHARS = 20_000

export type Victim = {
  child: ChildProcess
  /** Where the API listens; empty for a worker. Rejects when the process ends before it is up. */
  up: Promise<string>
  exited: Promise<number | null>
  output: () => string
}

/** Processes to be killed, some of them always loaded ahead: loading takes most of a start. */
export const makeVictims = (dir: string, ahead: number) => {
  const all = new Set<ChildProcess>()
  const load = async () => {
    // Without our own Node arguments: `npm run storm` has one that lets go of this channel.
    const child = fork(SCRIPT, [], {
      cwd: dir,
      execArgv: [],
      env: cleanEnv({}),
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    })
    all.add(child)
    child.once('close', () => all.delete(child))
    let said = ''
    child.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString()))
    await Promise.race([
      once(child, 'message'),
      once(child, 'close').then(() => Promise.reject(new Error(`it could not be loaded:\n${said}`))),
    ])
    return child
  }
  const loaded: Promise<ChildProcess>[] = []

  return {
    async start(role: 'api' | 'worker', env: Record<string, string>, times: WorkerTimes): Promise<Victim> {
      while (loaded.length <= ahead) {
        const child = load()
        child.catch(() => undefined) // whoever takes it hears of it
        loaded.push(child)
      }
      const child = await loaded.shift()!
      let output = ''
      for (const stream of [child.stdout, child.stderr])
        stream?.on('data', (chunk: Buffer) => (output = (output + chunk.toString()).slice(-KEPT_CHARS)))
      const exited = new Promise<number | null>((resolve) => child.once('close', (code) => resolve(code)))
      const up = new Promise<string>((resolve, reject) => {
        child.once('message', ({ url }: { url?: string }) => resolve(url ?? ''))
        void exited.then((code) => reject(new Error(`ended with ${code} before it was up:\n${output}`)))
      })
      up.catch(() => undefined)
      child.send({ role, env, times })
      return { child, up, exited, output: () => output }
    },
    close() {
      for (const child of all) child.kill('SIGKILL')
    },
  }
}
export type Victims = ReturnType<typeof makeVictims>
