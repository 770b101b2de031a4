import { madeGraph, startStubHive, startStubLangflow } from '@automagik-spark/testing'
import { beforeAll, describe, expect, it } from 'vitest'
import { useStack } from './stack.ts'

const stack = useStack()
const create = (url: string, api_key?: string) =>
  stack.engine.sources.create({ url, max_concurrency: 40, ...(api_key && { api_key }) })
const remove = async (id: string) => stack.engine.sources.remove(id)

describe('an address that was copied from the browser', () => {
  it.each([
    '/flows',
    '/flow/2b0e2a3c-0000-4000-8000-000000000000',
    '/all',
    '/settings/general',
    '/playground/x',
    '/docs',
    '/login?redirect=%2Fflows',
    '/#/flows',
    '/flow/a/folder/b',
  ])('%s leads to the server at its origin', async (path) => {
    for (const version of ['1.7.3', '1.13.0'] as const) {
      const stub = await startStubLangflow({ version, frontend: true })
      const source = await create(`${stub.url}${path}`, 'sk-stub')
      expect(source).toMatchObject({ url: stub.url, source_type: 'langflow' })
      await expect(create(`${stub.url}${path}`, 'sk-stub')).rejects.toMatchObject({
        message: `Source with URL ${stub.url} already exists`,
      })
      await remove(source.id)
      await stub.close()
    }
  })
  it('is tried for other kinds of servers, too', async () => {
    const stub = await startStubHive()
    const source = await create(`${stub.url}/docs`, stub.key!)
    expect(source).toMatchObject({ url: stub.url, source_type: 'automagik-hive' })
    await remove(source.id)
    await stub.close()
  })
  it('says what is wrong with the server that was found above it', async () => {
    const stub = await startStubLangflow({ frontend: true })
    await expect(create(`${stub.url}/flows`, 'sk-wrong')).rejects.toMatchObject({
      message: expect.stringContaining('refused the API key'),
    })
    await stub.close()
  })
  it('is given up when nothing is there, with the error of the address itself', async () => {
    const stub = await startStubLangflow({ frontend: true })
    await stub.set({ html: true }, 'all')
    await expect(create(`${stub.url}/flows`)).rejects.toMatchObject({
      message: expect.stringContaining(`${stub.url}/flows is not a flow server that Spark knows`),
    })
    await stub.close()
  })
  it('is corrected in an edit, too', async () => {
    const stub = await startStubLangflow({ frontend: true })
    const source = await create(stub.url, 'sk-stub')
    expect(
      await stack.engine.sources.update(source.id, { url: `${stub.url}/flows`, api_key: 'sk-stub' }),
    ).toMatchObject({ url: stub.url })
    await remove(source.id)
    await stub.close()
  })
})

describe('a flow that was deleted at its server', () => {
  const graph = madeGraph('ChatInput-1 ChatOutput-2 ChatInput-1>ChatOutput-2')
  const gone = expect.stringContaining('The flow was not found at its server when it was last looked for')
  const copied = async (name: string) => {
    await stack.sync()
    const synced = await stack.engine.workflows.sync(stack.stub.made.make(name, graph), {})
    if (!('workflow' in synced)) throw new Error('one flow was asked for')
    stack.stub.made.remove(name)
    return synced.workflow
  }

  it('is named by a sync of all, and its workflow has a warning until it is back', async () => {
    const { id, remote_flow_id } = await copied('all gone')
    for (let twice = 0; twice < 2; twice++) {
      expect(await stack.engine.workflows.sync('*', { source_url: stack.stub.url })).toMatchObject({
        failed: [
          {
            flow_id: remote_flow_id,
            detail: `is gone: its server has it no longer, or not for this key. The workflow ${id} stays, and its runs fail`,
          },
        ],
      })
      expect((await stack.engine.workflows.get(id)).warnings).toEqual([gone])
    }
    stack.stub.made.make('all gone', graph)
    expect(await stack.engine.workflows.sync('*', { source_url: stack.stub.url })).toMatchObject({ failed: [] })
    expect((await stack.engine.workflows.get(id)).warnings).toEqual([])
  })
  it('is a warning of its workflow after a sync of it alone', async () => {
    const { id, remote_flow_id } = await copied('one gone')
    await expect(stack.engine.workflows.sync(remote_flow_id, {})).rejects.toMatchObject({
      code: 'not_found',
      message: `Flow ${remote_flow_id} not found in source ${stack.stub.url}`,
    })
    expect((await stack.engine.workflows.get(id)).warnings).toEqual([gone])
    await stack.engine.workflows.remove(id)
  })
  it('is a warning of its workflow after a run that did not find it', async () => {
    const { id } = await copied('run gone')
    await stack.addWorker()
    expect((await stack.engine.workflows.run(id, { input_value: 'hi' }, { wait: true })).task).toMatchObject({
      status: 'failed',
      error_code: 'flow_not_found',
    })
    await expect.poll(async () => (await stack.engine.workflows.get(id)).warnings).toEqual([gone])
    await stack.engine.workflows.remove(id)
  })
  it('is not reported as gone when its server does not answer', async () => {
    const { id, remote_flow_id } = await copied('unknown')
    await stack.stub.set({ failing: 502 }, 'all')
    await expect(stack.engine.workflows.sync(remote_flow_id, {})).rejects.toMatchObject({ code: 'invalid' })
    await expect(stack.engine.workflows.sync('*', { source_url: stack.stub.url })).rejects.toMatchObject({
      code: 'invalid',
    })
    stack.stub.clearSwitches()
    expect((await stack.engine.workflows.get(id)).warnings).toEqual([])
    await stack.engine.workflows.remove(id)
  })
})

describe('a flow of Langflow', () => {
  const graph = madeGraph('ChatInput-1 ChatOutput-2 ChatInput-1>ChatOutput-2')
  const sync = async (flow_id: string) => {
    const synced = await stack.engine.workflows.sync(flow_id, {})
    if (!('workflow' in synced)) throw new Error('one flow was asked for')
    return synced.workflow.remote_flow_id
  }
  beforeAll(() => stack.sync())

  it('is found by the name of its endpoint, and by its own', async () => {
    const id = stack.stub.made.make('Daily report', graph, 'daily')
    expect(await sync('daily')).toBe(id)
    expect(await sync('Daily report')).toBe(id)
    expect(await sync('daily REPORT')).toBe(id)
    await expect(sync('dail')).rejects.toMatchObject({ code: 'not_found' })
    await expect(sync('')).rejects.toMatchObject({ code: 'not_found' })
  })
  it("whose name is that of another one's endpoint comes after it", async () => {
    const id = stack.stub.made.make('First', graph, 'second')
    stack.stub.made.make('second', graph)
    expect(await sync('second')).toBe(id)
  })
  it('is not guessed when two have the same name', async () => {
    const ids = [stack.stub.made.make('Twin', graph), stack.stub.made.make('twin', graph)]
    expect(await sync('Twin')).toBe(ids[0])
    await expect(sync('TWIN')).rejects.toMatchObject({
      message: `flow_id: TWIN is the name of several flows in source ${stack.stub.url}; take one of ${ids.join(', ')}`,
    })
  })
})
