import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { StubLangflow } from '@automagik-spark/testing'
import { startStubLangflow } from '@automagik-spark/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { TestSpark } from './spark.ts'
import { cleanEnv, removeDir, startSpark, tempDir } from './spark.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const KEY = 'sk-sample-0123456789'
const dir = tempDir()
let stub: StubLangflow
let spark: TestSpark
beforeAll(async () => {
  stub = await startStubLangflow({ key: KEY })
  spark = await startSpark(dir)
})
afterAll(async () => {
  await spark?.stop()
  await stub?.close()
  removeDir(dir)
})

/** What a program of examples/ prints; rejects when it fails. */
const output = async (program: string, ...args: string[]): Promise<string> => {
  const file = join(root, 'examples', program)
  const [command, given] = program.endsWith('.mjs') ? [process.execPath, [file, ...args]] : [file, args]
  const { stdout } = await promisify(execFile)(command, given, {
    env: cleanEnv({
      SPARK_API_URL: spark.url,
      SPARK_API_KEY: spark.key,
      LANGFLOW_URL: stub.url,
      LANGFLOW_API_KEY: KEY,
    }),
  })
  return stdout
}

describe('the programs of examples/', () => {
  const tested: string[] = []
  const example = (name: string, what: string, test: () => Promise<void>) => {
    tested.push(name)
    it(`${name} ${what}`, test)
  }

  example('run-a-flow.mjs', 'prints the answer of a flow, also when its server is known', async () => {
    expect(await output('run-a-flow.mjs', stub.flows.echo)).toBe('Hello\n')
    expect(await output('run-a-flow.mjs', stub.flows.echo, 'Good morning')).toBe('Good morning\n')
  })

  example('nightly-schedule.mjs', 'makes its schedule once', async () => {
    const workflow = await spark.client.workflows.sync(stub.flows.echo)
    const first = await output('nightly-schedule.mjs', workflow.id)
    expect(first).toMatch(/Lisbon\S*\. The next run is at \d{4}-\d\d-\d\dT0[12]:30:00\.000Z\.\n$/)
    expect(await output('nightly-schedule.mjs', workflow.id)).toBe(first)
    expect((await spark.client.schedules.list()).items).toHaveLength(1)
  })

  example('rest-api.sh', 'follows a task to its answer and its log', async () => {
    expect(await output('rest-api.sh', stub.flows.echo)).toMatch(/^Hello\ncreated, .*completed\n$/)
  })

  it('are all tested here', () => {
    const programs = readdirSync(join(root, 'examples')).filter((name) => /\.(mjs|sh)$/.test(name))
    expect(tested.toSorted()).toEqual(programs.toSorted())
  })

  it('stand in the docs as they are', () => {
    const docs = ['README.md', ...readdirSync(join(root, 'docs')).map((name) => `docs/${name}`)]
    const quotes = docs
      .filter((name) => name.endsWith('.md'))
      .flatMap((name) => [
        ...readFileSync(join(root, name), 'utf8').matchAll(/<!-- (examples\/\S+) -->\n```\w+\n([\s\S]*?)```/g),
      ])
    expect(quotes).not.toEqual([])
    for (const [, program, code] of quotes) expect(code).toBe(readFileSync(join(root, program!), 'utf8'))
  })
})
