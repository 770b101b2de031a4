import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import pg from 'pg'

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..')

/** What a process of its own runs: starts, says so, and closes when told or interrupted. */
const PROGRAM = `
import { startEmbedded } from './embedded.mjs'
const say = (message) => console.log(JSON.stringify(message))
let embedded
const close = () => embedded.close().then(() => { say({ closed: true }); process.exit(0) }, (error) => { say({ error: error.message }); process.exit(1) })
process.on('SIGINT', () => say({ interrupted: true }))
process.stdin.on('data', close)
try {
  embedded = await startEmbedded({ ...JSON.parse(process.argv[2]), log: (log) => say({ log }) })
  say({ url: embedded.url, joined: embedded.joined })
} catch (error) {
  say({ error: error.name === 'EmbeddedError' ? error.message : error.stack })
  process.exit(1)
}
`

export type Message = {
  url?: string
  joined?: boolean
  log?: string
  closed?: boolean
  error?: string
  interrupted?: boolean
}
export type EmbeddedProcess = {
  child: ChildProcess
  messages: Message[]
  url: string
  joined: boolean
  logs: () => string[]
  close: () => Promise<void>
  kill: (signal: NodeJS.Signals) => Promise<void>
}
type StartOptions = { dataDir: string; port?: number; systemDir?: string; settings?: Record<string, string> }
type Spawn = { uid?: number; gid?: number; detached?: boolean; home?: string }

/** What is called of it here: it comes with tsup, which has no types of it for us. */
type Esbuild = { build: (options: Record<string, unknown>) => Promise<unknown> }

/** A folder in the temp folder with the code under test in it, for processes that a test kills. */
export const makeWorkshop = async () => {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'spark-embedded-')))
  chmodSync(dir, 0o755)
  const children: ChildProcess[] = []
  const esbuild = createRequire(createRequire(join(ROOT, '../../package.json')).resolve('tsup'))('esbuild') as Esbuild

  /** A folder that the program can run in, with the repository's node_modules. */
  const install = async (name: string): Promise<string> => {
    const home = join(dir, name)
    mkdirSync(home)
    await esbuild.build({
      entryPoints: [join(ROOT, 'src/embedded.ts')],
      outfile: join(home, 'embedded.mjs'),
      bundle: true,
      format: 'esm',
      platform: 'node',
      packages: 'external',
    })
    writeFileSync(join(home, 'program.mjs'), PROGRAM)
    symlinkSync(join(ROOT, 'node_modules'), join(home, 'node_modules'))
    return home
  }
  const standard = await install('program')

  /** A process that reports by lines, not yet known to have started. */
  const launch = (options: StartOptions, { home = standard, ...as }: Spawn = {}) => {
    const child = spawn(
      process.execPath,
      [join(home, 'program.mjs'), JSON.stringify({ settings: { fsync: 'off' }, ...options })],
      { ...as, stdio: ['pipe', 'pipe', 'inherit'], cwd: '/' },
    )
    children.push(child)
    const messages: Message[] = []
    const waiting: (() => void)[] = []
    const wake = () => waiting.splice(0).forEach((go) => go())
    let over = false
    createInterface({ input: child.stdout }).on('line', (line) => {
      messages.push(JSON.parse(line) as Message)
      wake()
    })
    const exited = new Promise<void>((resolve) =>
      child.once('close', () => {
        over = true
        wake()
        resolve()
      }),
    )
    const said = async (is: (message: Message) => boolean): Promise<Message> => {
      for (;;) {
        const found = messages.find(is)
        if (found) return found
        if (over) throw new Error(`the process ended: ${JSON.stringify(messages)}`)
        await new Promise<void>((resolve) => waiting.push(resolve))
      }
    }
    return { child, messages, said, exited }
  }

  return {
    dir,
    install,
    launch,

    async start(options: StartOptions, as: Spawn = {}): Promise<EmbeddedProcess> {
      const { child, messages, said, exited } = launch(options, as)
      const { url, joined, error } = await said((message) => Boolean(message.url ?? message.error))
      if (error !== undefined) throw new Error(error)
      return {
        child,
        messages,
        url: url ?? '',
        joined: joined ?? false,
        logs: () => messages.flatMap(({ log }) => log ?? []),
        async close() {
          child.stdin.write('close\n')
          const answer = await said((message) => Boolean(message.closed ?? message.error))
          await exited
          if (answer.error) throw new Error(answer.error)
        },
        async kill(signal) {
          child.kill(signal)
          await exited
        },
      }
    },

    /** Ends what a failed test left, so that nothing outlives the file. */
    async close() {
      for (const child of children) child.kill('SIGKILL')
      for (let tries = 0; tries < 100 && processesOf(dir).length > 0; tries += 1)
        await new Promise((resolve) => setTimeout(resolve, 100))
      for (const { pid } of processesOf(dir)) process.kill(pid, 'SIGKILL')
      rmSync(dir, { recursive: true, force: true })
    },
  }
}
export type Workshop = Awaited<ReturnType<typeof makeWorkshop>>

/** Every process with this folder in its command line, ourselves aside. */
export const processesOf = (folder: string): { pid: number; args: string }[] => {
  const list = existsSync('/proc/self/cmdline')
    ? readdirSync('/proc')
        .filter((name) => /^\d+$/.test(name))
        .map((pid) => {
          try {
            return { pid: Number(pid), args: readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ') }
          } catch {
            return { pid: Number(pid), args: '' } // ended meanwhile
          }
        })
    : spawnSync('ps', ['-axo', 'pid=,args='], { encoding: 'utf8' })
        .stdout.trim()
        .split('\n')
        .map((line) => {
          const [, pid = '', args = ''] = /^\s*(\d+) (.*)$/.exec(line) ?? []
          return { pid: Number(pid), args }
        })
  return list.filter(({ pid, args }) => pid !== process.pid && args.includes(folder))
}

export const query = async <Row extends pg.QueryResultRow>(url: string, text: string): Promise<Row[]> => {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => {})
  await client.connect()
  try {
    return (await client.query<Row>(text)).rows
  } finally {
    await client.end()
  }
}

export const postmasterPid = (cluster: string): number =>
  Number(readFileSync(join(cluster, 'postmaster.pid'), 'utf8').split('\n')[0])
