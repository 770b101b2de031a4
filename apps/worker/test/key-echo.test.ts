import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { useStack } from './stack.ts'

const KEY = 'sk-Canary-of-this-very-source'
/** Plain, in JSON in JSON, in a URL, as base64 of a header. */
const said = (key: string) =>
  `${key} ${JSON.stringify(JSON.stringify({ key }))} ?key=${encodeURIComponent(key)} Basic ${Buffer.from(`user:${key}`).toString('base64')}`
const TELLING = ['Canary', Buffer.from(`user:${KEY}`).toString('base64').slice(12, 36)]

/** A Hive that repeats the key it was given, wherever it can. */
const startEcho = async () => {
  const server = createServer((request, response) => {
    const key = typeof request.headers['x-api-key'] === 'string' ? request.headers['x-api-key'] : KEY
    let body = ''
    request
      .on('data', (chunk) => (body += String(chunk)))
      .on('end', () => {
        const [, kind, id] = (request.url ?? '/').split('/')
        const thing = {
          id: 'one',
          name: `One ${said(key)}`,
          description: said(key),
          db_id: 'db',
          instructions: said(key),
        }
        const wish = new URLSearchParams(body).get('message') ?? ''
        const answers: Record<string, [number, unknown]> = {
          ok: [200, { status: 'COMPLETED', content: said(key), more: { [key]: said(key) } }],
          error: [200, { status: 'ERROR', content: said(key) }],
          busy: [503, { detail: said(key) }],
          refused: [401, { detail: said(key) }],
          invalid: [422, { detail: [{ loc: [key], msg: said(key) }] }],
          failed: [500, { detail: said(key) }],
          'cut off': [500, { detail: `${'x'.repeat(1_980)}${said(key)}` }],
          shape: [200, { status: said(key) }],
        }
        const [status, answer] =
          request.url === '/'
            ? [200, { name: `AgentOS ${said(key)}`, version: said(key), description: said(key) }]
            : request.url === '/health'
              ? [200, { status: 'ok' }]
              : request.method === 'POST'
                ? (answers[wish] ?? [404, { detail: said(key) }])
                : kind === 'agents'
                  ? [200, id === undefined ? [thing] : thing]
                  : [200, []]
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer))
      })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(resolve)
      }),
  } // listening on TCP
}

describe('a source that repeats its key in everything it says', () => {
  const log: unknown[] = []
  const stack = useStack({ onLog: (line) => void log.push(line) })
  let echo: Awaited<ReturnType<typeof startEcho>>
  beforeAll(async () => {
    echo = await startEcho()
    await stack.addWorker()
  })
  afterAll(() => echo.close())
  const expectHidden = (what: unknown) => {
    const text = typeof what === 'string' ? what : JSON.stringify(what)
    for (const part of TELLING) expect(text).not.toContain(part)
  }
  const everyRow = async (): Promise<string> => {
    const { rows } = await stack.db.sql.query<{ name: string }>(
      `SELECT format('%I.%I', table_schema, table_name) AS name FROM information_schema.tables WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema')`,
    )
    const tables = await Promise.all(
      rows.map(({ name }) =>
        stack.db.sql.query<{ text: string | null }>(`SELECT string_agg(t::text, ' ') AS text FROM ${name} t`),
      ),
    )
    return tables.map((table) => table.rows[0]?.text ?? '').join('\n')
  }

  it('has it nowhere in its answers, in the database and in the log', async () => {
    const source = await stack.engine.sources.create({
      url: echo.url,
      api_key: KEY,
      source_type: 'automagik-hive',
      max_concurrency: 40,
    })
    expectHidden(source)
    expectHidden(await stack.engine.sources.validate(source.id))
    expectHidden(await stack.engine.workflows.remoteList({ simplified: false }))
    const all = await stack.engine.workflows.sync('*', { source_url: echo.url })
    expectHidden(all)
    const [workflow] = 'synced' in all ? all.synced : []
    for (const wish of ['ok', 'error', 'busy', 'refused', 'invalid', 'failed', 'cut off', 'shape', 'anything else']) {
      const { task } = await stack.engine.workflows.run(workflow!.id, { input_value: wish }, { wait: true })
      expect(task.status, wish).toBe(wish === 'ok' ? 'completed' : 'failed')
      expectHidden(task)
      expectHidden(await stack.engine.tasks.logs(task.id, { limit: 100, offset: 0 }))
    }
    const rows = await everyRow()
    expect(rows).toContain('[hidden]')
    expectHidden(rows)
    expectHidden(log)
  })
})
