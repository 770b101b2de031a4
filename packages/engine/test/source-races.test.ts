import type { StubLangflow } from '@automagik-spark/testing'
import { startStubLangflow } from '@automagik-spark/testing'
import { useFixture } from '@automagik-spark/testing/fixture'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openEngineStack } from '../src/testing/index.ts'

const KEY = 'sk-stack-test'
const MANY = 20
const stack = useFixture(openEngineStack)
let other: StubLangflow
beforeAll(async () => {
  other = await startStubLangflow({ key: KEY })
})
afterAll(async () => {
  await other.close()
})

const create = (url: string) => stack.engine.sources.create({ url, api_key: KEY, max_concurrency: 40 })
const keyOf = async (id: string) =>
  (await stack.db.sql.query<{ api_key: string }>('SELECT api_key FROM sources WHERE id = $1', [id])).rows[0]!.api_key
const failures = (made: PromiseSettledResult<unknown>[]) =>
  made.flatMap((one) => (one.status === 'rejected' ? [String(one.reason)] : []))

describe('a source', () => {
  it('that many create at once is there once, and the others are told', async () => {
    const told = failures(await Promise.allSettled(Array.from({ length: MANY }, () => create(stack.stub.url))))
    expect(told).toHaveLength(MANY - 1)
    for (const message of told) expect(message).toContain(`Source with URL ${stack.stub.url} already exists`)
  })

  it('cannot take the URL of another, also when both try at once', async () => {
    const third = await startStubLangflow({ key: KEY })
    const fourth = await startStubLangflow({ key: KEY })
    const two = await Promise.all([create(third.url), create(fourth.url)])
    const told = failures(
      await Promise.allSettled(two.map(({ id }) => stack.engine.sources.update(id, { url: other.url, api_key: KEY }))),
    )
    expect(told).toHaveLength(1)
    expect(told[0]).toContain(`Source with URL ${other.url} already exists`)
    for (const { id } of two) await stack.engine.sources.remove(id)
    await Promise.all([third.close(), fourth.close()])
  })

  it('has a new key encrypted as well, for its own row alone', async () => {
    const [one, two] = [(await stack.engine.sources.list({ limit: 1, offset: 0 })).items[0]!, await create(other.url)]
    await stack.engine.sources.update(one.id, { api_key: KEY })
    expect(await keyOf(one.id)).toMatch(/^v1\./)
    const own = await keyOf(two.id)
    const move = (key: string) => stack.db.sql.query('UPDATE sources SET api_key = $2 WHERE id = $1', [two.id, key])
    await move(await keyOf(one.id))
    await expect(stack.engine.sources.validate(two.id)).rejects.toThrow()
    await move(own)
    expect((await stack.engine.sources.validate(two.id)).health).toBe('up')
  })

  it('that is inactive is asked for no flow, also by name', async () => {
    const inactive = (await stack.engine.sources.list({ limit: 50, offset: 0 })).items.find(
      (source) => source.url === other.url,
    )!
    await stack.engine.sources.update(inactive.id, { status: 'inactive' })
    other.clearCalls()
    const { flows } = await stack.engine.workflows.remoteList({ simplified: true })
    expect(new Set(flows.map((flow) => flow.origin.source_url))).toEqual(new Set([stack.stub.url]))
    await expect(stack.engine.workflows.remoteGet(other.flows.echo, { source_url: other.url })).rejects.toThrow(
      /^source_url: .*inactive/,
    )
    await expect(stack.engine.workflows.sync('*', { source_url: other.url })).rejects.toThrow(/^source_url: .*inactive/)
    expect(other.calls).toEqual([])
    await stack.engine.sources.update(inactive.id, { status: 'active' })
  })
})

describe('a flow', () => {
  it('that many sync at once has one copy, and all get it', async () => {
    const synced = await Promise.all(
      Array.from({ length: MANY }, () =>
        stack.engine.workflows.sync(stack.stub.flows.echo, { source_url: stack.stub.url }),
      ),
    )
    const copies = synced.map((one) => ('workflow' in one ? one : null))
    expect(new Set(copies.map((one) => one?.workflow.id)).size).toBe(1)
    expect(copies.filter((one) => one?.created)).toHaveLength(1)
  })

  it('has one copy, also when one is written past the sync', async () => {
    await expect(
      stack.db.sql.query(
        `INSERT INTO workflows SELECT (jsonb_populate_record(w, jsonb_build_object('id', gen_random_uuid()))).* FROM workflows w WHERE deleted_at IS NULL`,
      ),
    ).rejects.toThrow('workflows_remote')
  })
})
