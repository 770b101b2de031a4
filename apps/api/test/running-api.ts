import { connect } from 'node:net'
import type { ApiDeps } from '../src/api.ts'
import { makeApi } from '../src/api.ts'
import { makeFakeEngine, NOW } from './fake-engine.ts'

export const KEY = 'a-key-of-the-tests-0123'

export type LogLine = { level: string; message: string } & Record<string, unknown>

/** The fields that tests look at; the rest of an answer is compared as it is. */
type Answer = { detail: string; errors?: { path: string; message: string }[]; [field: string]: unknown }

/** An API on a free port over the fake engine, with its log kept. */
export const startApi = async (
  options: Partial<Pick<ApiDeps['config'], 'corsOrigins' | 'publicUrl'> & Pick<ApiDeps, 'patience' | 'logger'>> = {},
) => {
  const fake = makeFakeEngine()
  const log: LogLine[] = []
  const write = (level: string) => (fields: Record<string, unknown>, message: string) =>
    void log.push({ ...fields, level, message })
  const api = makeApi({
    engine: fake.engine,
    config: {
      apiKey: KEY,
      corsOrigins: options.corsOrigins ?? '*',
      version: '0.1.0',
      publicUrl: options.publicUrl ?? null,
    },
    logger: options.logger ?? {
      debug: write('debug'),
      info: write('info'),
      warn: write('warn'),
      error: write('error'),
    },
    clock: { now: () => NOW },
    ...(options.patience && { patience: options.patience }),
  })
  const { url, port } = await api.listen({ host: '127.0.0.1', port: 0 })

  /** A request with the key, unless `key` says otherwise. */
  const call = async (
    method: string,
    path: string,
    { key = KEY, body, headers = {} }: { key?: string | null; body?: unknown; headers?: Record<string, string> } = {},
  ) => {
    const response = await fetch(`${url}${path}`, {
      method,
      redirect: 'manual',
      headers: {
        ...(key === null ? {} : { 'X-API-Key': key }),
        ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    const text = await response.text()
    const isJson = response.headers.get('content-type')?.startsWith('application/json') && text !== ''
    return {
      status: response.status,
      headers: response.headers,
      text,
      json: (isJson ? JSON.parse(text) : undefined) as Answer,
    }
  }
  return { ...fake, api, url, port, log, call, close: () => api.close({ graceMs: 1_000 }) }
}
/** Sends exactly these bytes and gives what comes back until the server closes: for what no HTTP client would send. */
export const sendRaw = (port: number, ...parts: string[]): Promise<string> =>
  new Promise((resolve, reject) => {
    let answer = ''
    const socket = connect(port, '127.0.0.1', () => parts.forEach((part) => socket.write(part)))
    socket.on('data', (chunk) => (answer += chunk.toString('utf8')))
    socket.on('close', () => resolve(answer))
    socket.on('error', reject)
  })
/** A request whose path is sent as it is written. */
export const getRaw = async (
  port: number,
  path: string,
  { method = 'GET', key = KEY }: { method?: string; key?: string | null } = {},
) => {
  const answer = await sendRaw(
    port,
    `${method} ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${key === null ? '' : `X-API-Key: ${key}\r\n`}\r\n`,
  )
  const [head = '', body = ''] = answer.split('\r\n\r\n', 2)
  return { status: Number(head.split(' ')[1]), head, body }
}

export type RunningApi = Awaited<ReturnType<typeof startApi>>
