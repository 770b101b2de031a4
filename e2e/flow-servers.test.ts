import { writeFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { certificate, startStubAgents, startStubHive, startStubLangflow } from '@automagik-spark/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { TestSpark } from './spark.ts'
import { CLI, removeDir, run, startSpark, tempDir, until } from './spark.ts'

/** One of each kind of server, found by a Spark that trusts one more certificate. */
describe('three kinds of flow servers', () => {
  const dir = tempDir()
  let spark: TestSpark
  const stubs = {
    langflow: startStubLangflow({ version: '1.7.3', key: null }),
    hive: startStubHive({ key: 'the-hive-key' }),
    agents: startStubAgents({ key: 'the-agents-key' }),
  }
  beforeAll(async () => {
    const [langflow, hive, agents] = await Promise.all([stubs.langflow, stubs.hive, stubs.agents])
    const ca = join(dir, 'ca.pem')
    writeFileSync(ca, certificate.cert)
    spark = await startSpark(dir, {
      SPARK_DISCOVERY: 'true',
      SPARK_DISCOVERY_PORTS: `langflow:${langflow.port},automagik-hive:${hive.port},automagik-agents:${agents.port}`,
      HIVE_API_KEY: 'the-hive-key',
      NODE_EXTRA_CA_CERTS: ca,
    })
  })
  afterAll(async () => {
    await spark.stop()
    await Promise.all(Object.values(stubs).map(async (stub) => (await stub).close()))
    removeDir(dir)
  })
  const cli = (...args: string[]) =>
    run(CLI, args, { env: { SPARK_API_URL: spark.url, SPARK_API_KEY: spark.key }, cwd: dir })

  it('are found at the start, and run: a flow, a team, an agent', async () => {
    const { items } = await until(
      () => spark.client.sources.list(),
      (page) => page.items.length === 3,
    )
    expect(items.map(({ source_type, status }) => `${source_type} ${status}`).sort()).toEqual([
      'automagik-agents inactive',
      'automagik-hive active',
      'langflow active',
    ])
    const agents = items.find(({ source_type }) => source_type === 'automagik-agents')!
    expect(agents.health_reason).toContain('wants an API key')
    const given = cli('sources', 'update', agents.id, '--api-key', 'the-agents-key', '--status', 'active', '--json')
    expect(await given.exited).toBe(0)

    const { flows } = await spark.client.workflows.remote()
    expect(new Set(flows.map(({ flow_type }) => flow_type))).toEqual(new Set(['flow', 'agent', 'team', 'workflow']))
    for (const [flow_id, answer] of [
      ['echo-team', 'Team answer: hi'],
      ['simple', 'Echo: hi'],
      [(await stubs.langflow).flows.echo, 'hi'],
    ] as const) {
      const workflow = await spark.client.workflows.sync(flow_id)
      expect(await spark.client.workflows.run(workflow.id, 'hi')).toMatchObject({
        status: 'completed',
        output_data: { result: answer },
      })
    }
    const failing = await spark.client.workflows.sync('simple')
    expect(failing).toMatchObject({ input_component: 'message', output_component: 'result', flow_version: 1 })
    expect(await spark.client.workflows.run(failing.id, '[[fail]]')).toMatchObject({
      status: 'failed',
      error_code: 'flow_failed',
      error: expect.stringContaining('I apologize'),
    })
  })

  it('a source is added by the command line, its kind left out, and refused by a wrong one', async () => {
    const hive = await startStubHive({ version: '0.1.1b2', key: 'old' })
    const wrong = cli('sources', 'create', hive.url, '--api-key', 'old', '--type', 'automagik-agents')
    expect(await wrong.exited).toBe(1)
    expect(wrong.output()).toContain('it looks like Automagik Hive')
    const added = cli('sources', 'create', hive.url, '--api-key', 'old', '--json')
    expect(await added.exited).toBe(0)
    expect(JSON.parse(added.output())).toMatchObject({
      source_type: 'automagik-hive',
      version_info: { version: '0.1', api: 'playground' },
    })
    await hive.close()
  })

  it('NODE_EXTRA_CA_CERTS is trusted', async () => {
    const langflow = await startStubLangflow({ key: 'sk-tls' })
    const behind = createServer(certificate, (request, response) => {
      const onward = httpRequest(
        { port: langflow.port, host: '127.0.0.1', method: request.method, path: request.url, headers: request.headers },
        (answer) => {
          response.writeHead(answer.statusCode ?? 502, answer.headers)
          answer.pipe(response)
        },
      )
      request.pipe(onward)
    }).listen(0, '127.0.0.1')
    await until(
      async () => behind.listening,
      (listening) => listening,
    )
    const { port } = behind.address() as AddressInfo // listening on TCP
    expect(await spark.client.sources.create({ url: `https://localhost:${port}`, api_key: 'sk-tls' })).toMatchObject({
      source_type: 'langflow',
      health: 'up',
    })
    behind.closeAllConnections()
    behind.close()
    await langflow.close()
  })
})
