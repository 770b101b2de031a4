import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, expect, inject, it } from 'vitest'
import type { Commit, CommitProxy, Fate } from '../src/index.ts'
import { startCommitProxy } from '../src/index.ts'

let direct: pg.Client
let proxy: CommitProxy
let fateOf: (commit: Commit) => Fate
const struck: string[] = []
const clients: pg.Client[] = []

const connectTo = async (url: string, application_name = 'someone') => {
  const client = new pg.Client({ connectionString: url, application_name })
  client.on('error', () => undefined)
  await client.connect()
  clients.push(client)
  return client
}
beforeAll(async () => {
  direct = await connectTo(inject('postgresUrl'))
  await direct.query('CREATE TABLE commit_proxy (n int UNIQUE)')
  proxy = await startCommitProxy({
    url: inject('postgresUrl'),
    fateOf: (commit) => fateOf(commit),
    onStruck: ({ by, writes }, fate) => struck.push(`${fate} ${by}: ${writes.join(', ')}`),
  })
})
afterEach(() => {
  struck.length = 0
})
afterAll(async () => {
  await direct.query('DROP TABLE commit_proxy')
  for (const client of clients) void client.end().catch(() => undefined)
  await proxy.close()
})

const rows = async () =>
  (await direct.query<{ n: number }>('SELECT n FROM commit_proxy ORDER BY n')).rows.map((row) => row.n)
const insert = (client: pg.Client, n: number) => client.query('INSERT INTO commit_proxy VALUES ($1)', [n])
const soon = async (holds: () => boolean | Promise<boolean>) => {
  while (!(await holds())) await sleep(5)
}

it('numbers the commits of transactions and of single statements, and nothing else', async () => {
  fateOf = () => 'pass'
  const client = await connectTo(proxy.url, 'writer')
  const before = proxy.commits.length
  await client.query('SELECT 1')
  await insert(client, 1)
  await client.query('BEGIN')
  await client.query('SELECT n FROM commit_proxy FOR UPDATE')
  await insert(client, 2)
  await client.query('UPDATE commit_proxy SET n = 3 WHERE n = 2')
  await client.query('COMMIT')
  await client.query('BEGIN')
  await insert(client, 4)
  await client.query('ROLLBACK')
  await client.query('BEGIN')
  await client.query('SELECT 2')
  await client.query('COMMIT')
  await client.query({ name: 'kept', text: 'DELETE FROM commit_proxy WHERE n = $1', values: [1] })
  await client.query({ name: 'kept', text: 'DELETE FROM commit_proxy WHERE n = $1', values: [3] })
  expect(proxy.commits.slice(before).map(({ by, writes }) => `${by}: ${writes.join(', ')}`)).toEqual([
    'writer: insert commit_proxy',
    'writer: insert commit_proxy, update commit_proxy',
    'writer: delete commit_proxy',
    'writer: delete commit_proxy',
  ])
  expect(await rows()).toEqual([])
})

it('commits and loses the answer, on that connection only', async () => {
  const [client, other] = [await connectTo(proxy.url, 'lost'), await connectTo(proxy.url, 'other')]
  fateOf = ({ by }) => (by === 'lost' ? 'lost' : 'pass')
  await expect(insert(client, 10)).rejects.toThrow()
  expect(struck).toEqual(['lost lost: insert commit_proxy'])
  await insert(other, 11)
  expect(await rows()).toEqual([10, 11])
  await direct.query('DELETE FROM commit_proxy')
})

it('passes an error on: nothing was committed', async () => {
  const client = await connectTo(proxy.url, 'refused')
  fateOf = () => 'pass'
  await insert(client, 20)
  fateOf = () => 'lost'
  await expect(insert(client, 20)).rejects.toThrow(/duplicate key/)
  expect(struck).toEqual([])
  await direct.query('DELETE FROM commit_proxy')
})

it.each(['before', 'after'] as const)('freezes %s a commit, until the client is gone', async (fate) => {
  const own = await startCommitProxy({
    url: inject('postgresUrl'),
    fateOf: ({ writes }) => (writes.length === 2 ? fate : 'pass'),
    onStruck: (_, how) => struck.push(how),
  })
  const [client, other] = [await connectTo(own.url), await connectTo(own.url)]
  await client.query('BEGIN')
  await insert(client, 30)
  await insert(client, 31)
  let answers = 0
  for (const answer of [client.query('COMMIT'), other.query('SELECT 1')])
    answer.then(
      () => answers++,
      () => undefined,
    )
  await soon(() => struck.length > 0)
  await own.close()
  await soon(async () => (await rows()).length === (fate === 'after' ? 2 : 0))
  expect([struck, answers]).toEqual([[fate], fate === 'after' ? answers : 0])
  await direct.query('DELETE FROM commit_proxy')
})
