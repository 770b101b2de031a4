// Runs before each test file. With SPARK_COLLECT_SQL, a folder, it notes every text that is sent to PostgreSQL, whoever sends it:
// what is not in the list was not sent, so nobody has to keep a list (packages/engine/test/matrix/prepare.matrix.ts).
import { appendFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'

const folder = process.env.SPARK_COLLECT_SQL
if (folder) {
  mkdirSync(folder, { recursive: true })
  const file = join(folder, `${process.pid}.jsonl`)
  const known = new Set<string>()
  const send: (...args: unknown[]) => unknown = pg.Client.prototype.query // overloaded: any of its forms passes through
  const collecting = function (this: pg.Client, ...args: unknown[]): unknown {
    const [query] = args as [string | { text?: unknown }] // a text, a configuration, or an object that sends itself
    const text = typeof query === 'string' ? query : query.text
    if (typeof text === 'string' && !known.has(text)) {
      known.add(text)
      appendFileSync(file, `${JSON.stringify(text)}\n`)
    }
    return send.apply(this, args)
  }
  pg.Client.prototype.query = collecting as typeof pg.Client.prototype.query
}
