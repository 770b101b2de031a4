import type { StubLangflow } from '@automagik-spark/testing'
import { madeGraph, startStubLangflow } from '@automagik-spark/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { useStack } from './stack.ts'

const PAGE = { limit: 50, offset: 0 }
const KEY = 'sk-stack-test'
const stack = useStack()
let other: StubLangflow
beforeAll(async () => {
  other = await startStubLangflow({ key: KEY })
})
afterAll(() => other.close())

describe('sources', () => {
  it('are checked before they are stored, and nothing is stored when they do not answer as they should', async () => {
    const create = (url: string, api_key: string | null) =>
      stack.engine.sources.create({ url, api_key, max_concurrency: 40 })
    await expect(create(stack.stub.url, 'sk-wrong')).rejects.toThrow(/^Failed to validate source: .*key/)
    await expect(create(stack.stub.url, null)).rejects.toThrow(/^Failed to validate source: .*key/)
    await other.set({ unreachable: true })
    await expect(create(other.url, null)).rejects.toThrow(/^Failed to validate source: .*refused/i)
    await other.set({ unreachable: false })
    await expect(create('http://nobody.invalid', null)).rejects.toThrow(/^Failed to validate source: .*nobody\.invalid/)
    await expect(create('ftp://x', null)).rejects.toThrow(/^url: /)
    expect((await stack.engine.sources.list(PAGE)).total).toBe(0)
  })

  it('keep their key encrypted, each in its own row, and show it nowhere', async () => {
    const source = await stack.engine.sources.create({ url: stack.stub.url, api_key: KEY, max_concurrency: 40 })
    expect(source).toMatchObject({
      source_type: 'langflow',
      status: 'active',
      health: 'up',
      version_info: { version: '1.13.0' },
    })
    expect(
      JSON.stringify([source, await stack.engine.sources.get(source.id), await stack.engine.sources.list(PAGE)]),
    ).not.toContain(KEY)
    const { rows } = await stack.db.sql.query<{ api_key: string }>('SELECT api_key FROM sources WHERE id = $1', [
      source.id,
    ])
    expect(rows[0]!.api_key).toMatch(/^v1\./)
    expect(Buffer.from(rows[0]!.api_key, 'base64url').toString('latin1')).not.toContain(KEY)
  })

  it('have one row for a URL, however it is written, and also when forty ask at once', async () => {
    await expect(
      stack.engine.sources.create({ url: `${stack.stub.url}/?x=1#y`, api_key: KEY, max_concurrency: 40 }),
    ).rejects.toThrow(`Source with URL ${stack.stub.url} already exists`)
    const made = await Promise.allSettled(
      Array.from({ length: 40 }, () =>
        stack.engine.sources.create({ url: other.url, api_key: KEY, max_concurrency: 40 }),
      ),
    )
    expect(made.filter((one) => one.status === 'fulfilled')).toHaveLength(1)
  })

  it('are checked again when url, key or type change, and keep what they had when that fails', async () => {
    const { items } = await stack.engine.sources.list(PAGE)
    const source = items.find((item) => item.url === stack.stub.url)!
    await expect(stack.engine.sources.update(source.id, { api_key: 'sk-wrong' })).rejects.toThrow(
      /^Failed to validate source/,
    )
    expect((await stack.engine.sources.validate(source.id)).health).toBe('up')
    await expect(stack.engine.sources.update(source.id, { url: other.url })).rejects.toThrow('already exists')
    await expect(
      stack.engine.sources.update(source.id, { url: stack.stub.url.replace('127.0.0.1', 'localhost') }),
    ).rejects.toThrow(/^api_key: /)
    expect(await stack.engine.sources.update(source.id, { name: 'renamed', max_concurrency: 7 })).toMatchObject({
      name: 'renamed',
      max_concurrency: 7,
      url: stack.stub.url,
    })
  })

  it('are shown as down when a check gets no answer', async () => {
    const { items } = await stack.engine.sources.list(PAGE)
    const source = items.find((item) => item.url === other.url)!
    await other.set({ unreachable: true })
    await expect(stack.engine.sources.validate(source.id)).rejects.toThrow(/^Failed to validate source: /)
    expect(await stack.engine.sources.get(source.id)).toMatchObject({
      health: 'down',
      health_reason: expect.stringMatching(/refused/i),
    })
    await other.set({ unreachable: false })
    expect(await stack.engine.sources.validate(source.id)).toMatchObject({ health: 'up', health_reason: null })
  })
})

describe('remote flows', () => {
  it('are listed of every active source with their components, and a source that is down fails no other', async () => {
    const both = await stack.engine.workflows.remoteList({ simplified: true })
    expect(both.unreachable).toEqual([])
    const echo = both.flows.filter((flow) => flow.id === stack.stub.flows.echo)
    expect(echo.map((flow) => flow.origin.source_url).sort()).toEqual([stack.stub.url, other.url].sort())
    expect(echo[0]!.components.length).toBeGreaterThan(1)
    await other.set({ unreachable: true })
    const one = await stack.engine.workflows.remoteList({ simplified: true })
    expect(one.unreachable).toEqual([other.url])
    expect(one.flows.length).toBe(both.flows.length / 2)
    await expect(
      stack.engine.workflows.remoteList({ source_url: new URL(other.url).host, simplified: true }),
    ).rejects.toThrow(
      new RegExp(`^Cannot reach (http://)?${new URL(other.url).host}: (?!.*${new URL(other.url).host})`),
    )
    await other.set({ unreachable: false })
  })

  it('of a source whose key cannot be decrypted here fail no other, and its runs say so', async () => {
    const { items } = await stack.engine.sources.list(PAGE)
    const moved = items.find((item) => item.url === other.url)!
    const { rows } = await stack.db.sql.query<{ api_key: string }>('SELECT api_key FROM sources WHERE id = $1', [
      moved.id,
    ])
    const sealed = rows[0]!.api_key
    await stack.db.sql.query(
      `UPDATE sources SET api_key = 'v1.elsewhere.AAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAAAAAAAA', version = version + 1 WHERE id = $1`,
      [moved.id],
    )
    expect((await stack.engine.workflows.remoteList({ simplified: true })).unreachable).toEqual([other.url])
    const synced = await stack.engine.workflows.sync(stack.stub.flows.echo, { source_url: stack.stub.url })
    if (!('workflow' in synced)) throw new Error('one was asked for')
    await stack.db.sql.query('UPDATE workflows SET source_id = $2 WHERE id = $1', [synced.workflow.id, moved.id])
    const worker = await stack.addWorker()
    const { task } = await stack.engine.workflows.run(synced.workflow.id, 'x', { wait: true })
    expect(task).toMatchObject({ status: 'failed', error_code: 'key_undecryptable' })
    await stack.stopWorker(worker)
    await stack.db.sql.query('DELETE FROM workflows WHERE id = $1', [synced.workflow.id])
    await stack.db.sql.query('UPDATE sources SET api_key = $2, version = version + 1 WHERE id = $1', [moved.id, sealed])
  })

  it('are asked for by name: unknown is a 404, several sources are a 400 that names them', async () => {
    await expect(stack.engine.workflows.remoteGet('00000000-0000-4000-8000-000000000000', {})).rejects.toThrow(
      /^Flow 00000000-0000-4000-8000-000000000000 not found in source /,
    )
    await expect(stack.engine.workflows.remoteGet(stack.stub.flows.echo, {})).rejects.toThrow(
      /several sources.*127\.0\.0\.1/,
    )
    await expect(
      stack.engine.workflows.remoteGet(stack.stub.flows.echo, { source_url: 'http://elsewhere:1' }),
    ).rejects.toThrow('Source not found')
    const flow = await stack.engine.workflows.remoteGet(stack.stub.flows.echo, { source_url: stack.stub.url })
    expect(flow.data).toBeTypeOf('object')
  })

  it('are synced one by one or all at once, and again without a copy', async () => {
    const first = await stack.engine.workflows.sync(stack.stub.flows.echo, { source_url: stack.stub.url })
    const again = await stack.engine.workflows.sync(stack.stub.flows.echo, { source_url: stack.stub.url })
    expect(first).toMatchObject({ created: true, workflow: { flow_version: 1, latest_run: 'NEW' } })
    expect(again).toMatchObject({ created: false, workflow: { flow_version: 1 } })
    const all = await stack.engine.workflows.sync('*', { source_url: stack.stub.url })
    if (!('synced' in all)) throw new Error('all were asked for')
    expect(all.failed).toEqual([])
    expect(all.synced).toHaveLength(Object.keys(stack.stub.flows).length)
    expect((await stack.engine.workflows.list(PAGE)).total).toBe(all.synced.length)
    await expect(stack.engine.workflows.sync('*', {})).rejects.toThrow(/^source_url: /)
  })

  it('are no longer read when nobody waits for a sync of all', async () => {
    const calls = () => stack.stub.calls.length
    const flows = Object.keys(stack.stub.flows).length
    await stack.stub.set({ slow: 200 }, 'all')
    const left = new AbortController()
    const before = calls()
    const syncing = stack.engine.workflows.sync('*', { source_url: stack.stub.url }, left.signal)
    await expect.poll(calls, { interval: 10 }).toBeGreaterThan(before + 1)
    left.abort(new Error('the client left'))
    await expect(syncing).rejects.toThrow('the client left')
    // One flow takes as long as two of the others: they would be read meanwhile.
    await stack.engine.workflows.sync(stack.stub.flows.echo, { source_url: stack.stub.url })
    expect(calls() - before).toBeLessThan(flows)
    await stack.stub.set({ slow: null }, 'all')
  })

  it('warn of a component that the flow does not have, and of input that would be lost', async () => {
    const named = await stack.engine.workflows.sync(stack.stub.flows.echo, {
      source_url: stack.stub.url,
      input_component: 'input',
      output_component: 'output',
    })
    if (!('workflow' in named)) throw new Error('one was asked for')
    expect(named.workflow.input_component).toMatch(/^ChatInput/)
    expect(named.workflow.warnings.join(' ')).toMatch(/input/)
    const empty = await stack.engine.workflows.sync(stack.stub.flows.empty, { source_url: stack.stub.url })
    expect('workflow' in empty && empty.workflow.warnings.length).toBeGreaterThan(0)
  })

  it('keep the components that a user chose, as long as the flow has them', async () => {
    const mixed = stack.stub.made.make(
      'two inputs',
      madeGraph(
        'ChatInput-1 TextInput-3 Model-4 ChatOutput-2 ChatInput-1>Model-4 TextInput-3>Model-4>system Model-4>ChatOutput-2',
      ),
    )
    const sync = async (wanted: object = {}) => {
      const synced = await stack.engine.workflows.sync(mixed, { source_url: stack.stub.url, ...wanted })
      if (!('workflow' in synced)) throw new Error('one was asked for')
      const { input_component, output_component, warnings } = synced.workflow
      return { input_component, output_component, warnings }
    }
    const found = await sync()
    const chosen = await sync({ input_component: 'TextInput-3' })
    expect(chosen).toMatchObject({ input_component: 'TextInput-3', output_component: found.output_component })
    expect(chosen.input_component).not.toBe(found.input_component)
    expect(await sync()).toEqual(chosen)
    const all = await stack.engine.workflows.sync('*', { source_url: stack.stub.url })
    expect('synced' in all && all.synced.find((workflow) => workflow.remote_flow_id === mixed)).toMatchObject({
      input_component: 'TextInput-3',
    })
    await stack.db.sql.query(
      `UPDATE workflows SET chosen_input = 'TextInput-gone', input_component = 'TextInput-gone' WHERE remote_flow_id = $1`,
      [mixed],
    )
    const gone = await sync()
    expect(gone).toMatchObject({
      input_component: found.input_component,
      warnings: expect.arrayContaining([expect.stringContaining('TextInput-gone')]),
    })
    expect(await sync()).toEqual(found)
    await sync({ input_component: 'TextInput-3' })
    expect(await sync({ input_component: '' })).toEqual(found) // an empty name removes the choice
    expect(await sync()).toEqual(found)
  })

  it('raise flow_version when the graph changed', async () => {
    const { rows } = await stack.db.sql.query<{ id: string }>('SELECT id FROM workflows WHERE remote_flow_id = $1', [
      stack.stub.flows.echo,
    ])
    await stack.db.sql.query(`UPDATE workflows SET graph_hash = 'another' WHERE id = $1`, [rows[0]!.id])
    expect(await stack.engine.workflows.sync(stack.stub.flows.echo, { source_url: stack.stub.url })).toMatchObject({
      created: false,
      workflow: { flow_version: 2 },
    })
  })

  it('are found in the list by name and by source', async () => {
    const list = (query: object) => stack.engine.workflows.list({ ...PAGE, ...query })
    const { items } = await list({ search: 'ECHO' })
    expect(items.map((item) => item.remote_flow_id)).toEqual([stack.stub.flows.echo])
    expect((await list({ search: '%' })).total).toBe(0)
    expect((await list({ source: stack.stub.url })).total).toBe((await list({})).total)
    expect((await list({ source: other.url })).total).toBe(0)
    expect((await list({ source: items[0]!.source_id })).total).toBeGreaterThan(0)
  })
})
