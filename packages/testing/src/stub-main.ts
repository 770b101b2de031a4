import { parseArgs } from 'node:util'
import { langflowVersions } from './langflow/recorded.ts'
import { startStubLangflow, type StubLangflowOptions } from './langflow/stub.ts'

const servers = langflowVersions.map((version) => `langflow-${version}`).join('|')
const usage =
  `usage: stub-main ${servers} [--host H] [--port N] [--key K | --no-key] [--latency MS] [--frontend] [--control] [--log FILE]`

const fail = (message: string, code: number): never => {
  process.stderr.write(`${message}\n`)
  process.exit(code)
}
const messageOf = (error: unknown): string => (error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error))

const readOptions = (args: string[]): StubLangflowOptions => {
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
  const version = langflowVersions.find((known) => positionals.length === 1 && positionals[0] === `langflow-${known}`)
  if (!version) throw new Error(`which server? ${usage}`)
  if (values['no-key'] && version !== '1.7.3') {
    throw new Error('--no-key goes with langflow-1.7.3 alone: no other was recorded without a key')
  }
  return {
    version,
    ...(values.host !== undefined && { host: values.host }),
    ...(values.port !== undefined && { port: wholeNumber('--port', values.port, 65_535) }),
    ...(values.key !== undefined && { key: values.key }),
    ...(values['no-key'] && { key: null }),
    ...(values.latency !== undefined && { latencyMs: wholeNumber('--latency', values.latency, 3_600_000) }),
    ...(values.frontend && { frontend: true }),
    ...(values.control && { control: true }),
    ...(values.log !== undefined && { logFile: values.log }),
  }
}

const wholeNumber = (name: string, text: string, max: number): number => {
  const number = Number(text)
  if (!/^\d+$/.test(text) || number > max) throw new Error(`${name} has to be a whole number up to ${max}, not "${text}"`)
  return number
}

const options = ((): StubLangflowOptions => {
  try {
    return readOptions(process.argv.slice(2))
  } catch (error) {
    return fail(messageOf(error), 2)
  }
})()
const stub = await startStubLangflow(options).catch((error: unknown) => fail(messageOf(error), 1))
const stop = (): void => void stub.close().then(() => process.exit(0))
process.once('SIGINT', stop)
process.once('SIGTERM', stop)
process.stdout.write(`${JSON.stringify({ url: stub.url, key: stub.key, version: stub.version, flows: stub.flows })}\n`)
