import { parseArgs } from 'node:util'
import { langflowVersions } from './langflow/recorded.ts'
import { startStubLangflow } from './langflow/stub.ts'
import { agentsVersions } from './message/agents.ts'
import { hiveVersions } from './message/hive.ts'
import { startStubAgents, startStubHive } from './message/stubs.ts'
import type { ServerOptions, StubServer } from './server/stub-server.ts'

type Options = ServerOptions & { key?: string | null; frontend?: boolean }
type Started = StubServer & { version: string; flows?: Record<string, string> }
type Server = { name: string; keyless: boolean; start: (options: Options) => Promise<Started> }

const servers: Server[] = [
  ...langflowVersions.map((version): Server => ({
    name: `langflow-${version}`,
    keyless: version === '1.7.3',
    start: (options) => startStubLangflow({ version, ...options }),
  })),
  ...hiveVersions.map((version): Server => ({
    name: `hive-${version}`,
    keyless: version === '0.2.0',
    start: (options) => startStubHive({ version, ...options }),
  })),
  ...agentsVersions.map((version): Server => ({
    name: `agents-${version}`,
    keyless: false,
    start: (options) => startStubAgents({ version, ...options }),
  })),
]
const usage = `usage: stub-main ${servers.map(({ name }) => name).join('|')} [--host H] [--port N] [--key K | --no-key] [--latency MS] [--frontend] [--control] [--log FILE]`

/** The beginning of a version is enough where it names one: `hive-1.0`. */
const serverNamed = (given: string | undefined): Server | undefined => {
  const found = servers.filter(
    ({ name }) => name === given || (given !== undefined && /-\d+\.\d+/.test(given) && name.startsWith(`${given}.`)),
  )
  return found.length === 1 ? found[0] : undefined
}

const fail = (message: string, code: number): never => {
  process.stderr.write(`${message}\n`)
  process.exit(code)
}
const messageOf = (error: unknown): string =>
  error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)

const readOptions = (args: string[]): { server: Server; options: Options } => {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      host: { type: 'string' },
      port: { type: 'string' },
      key: { type: 'string' },
      'no-key': { type: 'boolean' },
      latency: { type: 'string' },
      frontend: { type: 'boolean' },
      control: { type: 'boolean' },
      log: { type: 'string' },
    },
  })
  const server = positionals.length === 1 ? serverNamed(positionals[0]) : undefined
  if (!server) throw new Error(`which server? ${usage}`)
  if (values['no-key'] && !server.keyless) {
    throw new Error(
      `--no-key goes with ${servers
        .filter(({ keyless }) => keyless)
        .map(({ name }) => name)
        .join(' and ')} alone: no other was recorded without a key`,
    )
  }
  if (values.frontend && !server.name.startsWith('langflow'))
    throw new Error('--frontend goes with langflow alone: no other has a web page')
  const options = {
    ...(values.host !== undefined && { host: values.host }),
    ...(values.port !== undefined && { port: wholeNumber('--port', values.port, 65_535) }),
    ...(values.key !== undefined && { key: values.key }),
    ...(values['no-key'] && { key: null }),
    ...(values.latency !== undefined && { latencyMs: wholeNumber('--latency', values.latency, 3_600_000) }),
    ...(values.frontend && { frontend: true }),
    ...(values.control && { control: true }),
    ...(values.log !== undefined && { logFile: values.log }),
  }
  return { server, options }
}

const wholeNumber = (name: string, text: string, max: number): number => {
  const number = Number(text)
  if (!/^\d+$/.test(text) || number > max)
    throw new Error(`${name} has to be a whole number up to ${max}, not "${text}"`)
  return number
}

const { server, options } = ((): ReturnType<typeof readOptions> => {
  try {
    return readOptions(process.argv.slice(2))
  } catch (error) {
    return fail(messageOf(error), 2)
  }
})()
const stub = await server.start(options).catch((error: unknown) => fail(messageOf(error), 1))
const stop = (): void => void stub.close().then(() => process.exit(0))
process.once('SIGINT', stop)
process.once('SIGTERM', stop)
process.stdout.write(
  `${JSON.stringify({ url: stub.url, key: stub.key, version: stub.version, ...(stub.flows && { flows: stub.flows }) })}\n`,
)
