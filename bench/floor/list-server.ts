import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import pg from 'pg'

/** The floor of `tasks`: the least that answers `GET /tasks` with Node, one statement and its rows as JSON. */
const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 10 })
const SELECT = `SELECT id, workflow_id, schedule_id, status, trigger, scheduled_for, input, output, error, error_code, tries, max_retries, retry_on, timeout,
  next_retry_at, cancel_requested_at, started_at, finished_at, replay_of, created_at, updated_at FROM tasks ORDER BY id DESC LIMIT 50`

const server = createServer((_request, response) => {
  pool.query(SELECT).then(
    ({ rows }) => {
      const text = JSON.stringify({ items: rows })
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) })
      response.end(text)
    },
    (error: unknown) => response.writeHead(500).end(String(error)),
  )
})
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`ready http://127.0.0.1:${(server.address() as AddressInfo).port}\n`) // listening on TCP
})
