import { makeHttpPool, parseSourcePolicy } from '@automagik-spark/adapters'
import { startStubAgents, startStubHive, startStubLangflow } from '@automagik-spark/testing'
import { useFixture } from '@automagik-spark/testing/fixture'
import { afterEach, describe, expect, it } from 'vitest'
import type { Discovery } from '../src/discovery.ts'
import { startDiscovery } from '../src/discovery.ts'
import { openEngineStack } from '../src/testing/index.ts'

const stack = useFixture(openEngineStack)

const stubs: { close: () => Promise<void> }[] = []
afterEach(async () => {
  await Promise.all(stubs.splice(0).map((stub) => stub.close()))
  for (const { id } of (await stack.engine.sources.list({ limit: 100, offset: 0 })).items)
    await stack.engine.sources.remove(id)
})
const started = async <T extends { close: () => Promise<void> }>(starting: Promise<T>): Promise<T> => {
  const stub = await starting
  stubs.push(stub)
  return stub
}
/** As if Spark started. */
const start = async (ports: number[], keys: Discovery['keys'] = {}, pool = stack.pool) => {
  await startDiscovery({
    ...stack.parts,
    pool,
    config: { discovery: { places: ports.map((port) => ({ source_type: 'langflow', port })), keys } },
  }).done
  return (await stack.engine.sources.list({ limit: 100, offset: 0 })).items
}

describe('discovery', () => {
  it('makes each server that it finds a source, named, of its own kind, with a key only where one fits', async () => {
    const langflow = await started(startStubLangflow({ version: '1.7.3', key: null }))
    const hive = await started(startStubHive({ key: 'the-hive-key' }))
    const agents = await started(startStubAgents())
    const sources = await start([langflow.port, hive.port, agents.port], {
      'automagik-hive': 'the-hive-key',
      'automagik-agents': 'another',
      langflow: 'not wanted',
    })
    const of = (port: number) => sources.find(({ url }) => url === `http://localhost:${port}`)
    expect(sources).toHaveLength(3)
    expect(of(langflow.port)).toMatchObject({
      name: `Langflow on localhost:${langflow.port}`,
      source_type: 'langflow',
      status: 'active',
      health: 'up',
      health_reason: null,
      version_info: { release: '1.7.3' },
    })
    expect(of(hive.port)).toMatchObject({
      name: `Automagik Hive on localhost:${hive.port}`,
      source_type: 'automagik-hive',
      status: 'active',
      version_info: { version: '1.0.0' },
    })
    expect(of(agents.port)).toMatchObject({
      source_type: 'automagik-agents',
      status: 'inactive',
      health: 'unknown',
      version_info: null,
      health_reason: expect.stringContaining('refused the one in the environment'),
    })
    // The key that fitted is kept, and works; a server that wants none got none.
    await stack.engine.sources.validate(of(hive.port)!.id)
    expect(langflow.calls.every(({ key_ok }) => key_ok)).toBe(true)
    // What is missing can be given in one step.
    expect(
      await stack.engine.sources.update(of(agents.port)!.id, { api_key: agents.key, status: 'active' }),
    ).toMatchObject({ status: 'active', health: 'up', health_reason: null })
  })
  it('finds an address once: never again after it was deleted, nor when it is a source already by another name', async () => {
    const one = await started(startStubLangflow({ version: '1.7.3', key: null }))
    const [found] = await start([one.port])
    expect(await start([one.port])).toHaveLength(1)
    await stack.engine.sources.remove(found!.id)
    expect(await start([one.port])).toEqual([])

    const other = await started(startStubLangflow({ version: '1.7.3', key: null }))
    const mine = await stack.engine.sources.create({ url: `http://127.0.0.1:${other.port}`, max_concurrency: 40 })
    expect((await start([other.port])).map(({ id }) => id)).toEqual([mine.id])
    await stack.engine.sources.remove(mine.id)
    await stack.db.sql.query('DELETE FROM sources WHERE id = $1', [mine.id]) // as the purge does
    expect(await start([other.port])).toEqual([])
  })
  it('two processes that start at a time make one source', async () => {
    const { port } = await started(startStubLangflow({ version: '1.7.3', key: null }))
    const [sources] = await Promise.all([start([port]), start([port]), start([port])])
    expect(sources).toHaveLength(1)
  })
  it('finds nothing in what is no flow server, is ill, or is not there; and looks again', async () => {
    const ill = await started(startStubLangflow({ version: '1.7.3', key: null }))
    await ill.set({ failing: 500 }, 'all')
    expect(await start([ill.port, 9])).toEqual([])
    ill.clearSwitches()
    expect(await start([ill.port])).toHaveLength(1)
  })
  it('never asks Spark itself, nor where the policy forbids it', async () => {
    const { port, calls } = await started(startStubLangflow({ version: '1.7.3', key: null }))
    const policy = parseSourcePolicy('private')
    const publicOnly = parseSourcePolicy('public')
    if (typeof policy === 'string' || typeof publicOnly === 'string') throw new Error('no policy')
    for (const options of [{ policy, ownServices: [{ host: '0.0.0.0', port }] }, { policy: publicOnly }]) {
      const pool = makeHttpPool(options)
      expect(await start([port], {}, pool)).toEqual([])
      await pool.close()
    }
    expect(calls).toEqual([])
  })
  it('ends at once when Spark stops', async () => {
    const slow = await started(startStubLangflow({ version: '1.7.3', key: null }))
    await slow.set({ slow: 'held' }, 'all')
    const discovery = startDiscovery({
      ...stack.parts,
      config: { discovery: { places: [{ source_type: 'langflow', port: slow.port }], keys: {} } },
    })
    await expect.poll(() => slow.calls.length).toBe(1)
    await discovery.close()
    expect((await stack.engine.sources.list({ limit: 1, offset: 0 })).total).toBe(0)
  })
  it('does nothing when it is off', async () => {
    await startDiscovery({ ...stack.parts, config: { discovery: null } }).done
  })
})
