import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { useStack } from './stack.ts'

/** An AgentOS whose agent, team and workflow are all called echo; what they are can be changed. */
const startClashing = async () => {
  const changes: Record<string, unknown> = {}
  const things = (kind: string) => ({ id: 'echo', name: `Echo ${kind}`, description: `An ${kind}.`, ...changes })
  const server: Server = createServer((request, response) => {
    const [, kind = '', id] = (request.url ?? '/').split('/')
    const known = ['agents', 'teams', 'workflows'].includes(kind)
    const answer =
      request.url === '/'
        ? { name: 'AgentOS API', version: '1.0.0' }
        : request.url === '/health'
          ? { status: 'ok' }
          : request.method === 'POST'
            ? { status: 'COMPLETED', content: `said by ${kind}` }
            : known && id === undefined
              ? [things(kind.slice(0, -1))]
              : known && id === 'echo'
                ? things(kind.slice(0, -1))
                : null
    request
      .resume()
      .on('end', () =>
        response
          .writeHead(answer ? 200 : 404, { 'content-type': 'application/json' })
          .end(JSON.stringify(answer ?? { detail: 'Not found' })),
      )
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    changes,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(resolve)
      }),
  } // listening on TCP
}

describe('an agent, a team and a workflow of one id', () => {
  const stack = useStack()
  let clashing: Awaited<ReturnType<typeof startClashing>>
  beforeAll(async () => {
    clashing = await startClashing()
    await stack.engine.sources.create({ url: clashing.url, max_concurrency: 40 })
  })
  afterAll(() => clashing.close())
  const sync = async (flow_id: string) => {
    const synced = await stack.engine.workflows.sync(flow_id, {})
    if (!('workflow' in synced)) throw new Error('one flow was asked for')
    return synced
  }

  it('are not guessed, and told apart by their kind', async () => {
    await expect(sync('echo')).rejects.toMatchObject({
      code: 'invalid',
      message: `flow_id: echo is the id of several things in source ${clashing.url}; take one of agent:echo, team:echo, workflow:echo`,
    })
    expect(await sync('team:echo')).toMatchObject({
      created: true,
      workflow: {
        name: 'Echo team',
        flow_type: 'team',
        remote_flow_id: 'echo',
        input_component: 'message',
        output_component: 'result',
        flow_version: 1,
      },
    })
    expect(await sync('team:echo')).toMatchObject({ created: false })
    expect(await stack.engine.workflows.remoteGet('workflow:echo', {})).toMatchObject({ flow_type: 'workflow' })
  })
  it('are three workflows, all of which run', async () => {
    await stack.addWorker()
    const all = await stack.engine.workflows.sync('*', { source_url: clashing.url })
    if (!('synced' in all)) throw new Error('all flows were asked for')
    expect(all.failed).toEqual([])
    expect(all.synced.map(({ flow_type }) => flow_type).sort()).toEqual(['agent', 'team', 'workflow'])
    expect((await stack.engine.workflows.list({ limit: 10, offset: 0 })).total).toBe(3)
    for (const { id, flow_type } of all.synced) {
      expect((await stack.engine.workflows.run(id, { input_value: 'hi' }, { wait: true })).task).toMatchObject({
        status: 'completed',
        output_data: { result: `said by ${flow_type}s` },
      })
    }
  })
  it('are new versions when they changed, and not when they moved', async () => {
    Object.assign(clashing.changes, { db_id: 'elsewhere', sessions: { session_table: 'other' }, updated_at: 'now' })
    expect((await sync('agent:echo')).workflow.flow_version).toBe(1)
    Object.assign(clashing.changes, { system_message: { instructions: 'Shout.' } })
    expect((await sync('agent:echo')).workflow.flow_version).toBe(2)
  })
})
