import { run } from '../src/cli.ts'
import type { Io } from '../src/io.ts'
import type { LocalCommands } from '../src/local-commands.ts'

export type Invocation = {
  env?: Record<string, string>
  cwd?: string
  stdin?: string
  /** Width of the terminal; without it, stdin, stdout and stderr are not terminals. */
  terminal?: number
  answer?: string
  interrupt?: AbortController
  processes?: Partial<LocalCommands>
}

/** Splits a line like a shell, as far as our examples need it: quotes, and `echo … |`. */
export const parseLine = (line: string): { args: string[]; stdin?: string } => {
  const words = [...line.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(
    ([, double, single, bare]) => double ?? single ?? bare ?? '',
  )
  const pipe = words.indexOf('|')
  const command = words.slice(pipe + 1)
  if (command[0] !== 'automagik-spark') throw new Error(`not a line of ours: ${line}`)
  return { args: command.slice(1), ...(pipe >= 0 && { stdin: `${words.slice(1, pipe).join(' ')}\n` }) }
}

export const invoke = async (
  args: string[],
  { env = {}, cwd = '/nonexistent', stdin = '', terminal, answer = '', interrupt, processes = {} }: Invocation = {},
) => {
  let stdout = ''
  let stderr = ''
  const asked: string[] = []
  const isTTY = terminal !== undefined
  const io: Io = {
    env,
    cwd,
    stdin: Object.assign(
      (async function* () {
        yield new TextEncoder().encode(stdin)
      })(),
      { isTTY },
    ),
    stdout: { write: (text) => (stdout += text), isTTY, columns: terminal },
    stderr: { write: (text) => (stderr += text), isTTY, columns: terminal },
    timeZone: 'Europe/Lisbon',
    ask: async (question) => {
      asked.push(question)
      return answer
    },
    interrupted: () => (interrupt ?? new AbortController()).signal,
  }
  const called: unknown[][] = []
  const note =
    (name: string) =>
    async (...given: unknown[]) =>
      void called.push([name, ...given])
  const code = await run(args, io, {
    start: note('start'),
    apiStart: note('apiStart'),
    workerStart: note('workerStart'),
    dbMigrate: async () => ({ applied: ['20260101000000_init'] }),
    dbStatus: async () => ({ applied: ['20260101000000_init'], pending: ['20260201000000_more'] }),
    ...processes,
  })
  return { code, stdout, stderr, asked, called }
}
