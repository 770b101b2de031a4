import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { patient } from '@automagik-spark/testing'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Answer, json, startServer } from './server.ts'

const run = promisify(execFile)
const here = resolve(import.meta.dirname, '..')
const bin = (name: string) => createRequire(join(here, 'package.json')).resolve(name)
const node = (args: string[], options: { cwd: string; env?: NodeJS.ProcessEnv }) => run(process.execPath, args, options)

let root: string
/** The package as it is published. */
let published: string
/** A project that has installed the package. */
let consumer: string

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'spark-sdk-'))
  published = join(root, 'package')
  consumer = join(root, 'consumer')
  await mkdir(published)
  await node([join(here, '../../node_modules/tsup/dist/cli-default.js'), '--out-dir', join(published, 'dist')], {
    cwd: here,
  })
  const { publishConfig, scripts: _, ...manifest } = JSON.parse(await readFile(join(here, 'package.json'), 'utf8'))
  await writeFile(join(published, 'package.json'), JSON.stringify({ ...manifest, ...publishConfig }, null, 2))
  await cp(join(here, 'README.md'), join(published, 'README.md'))

  const modules = join(consumer, 'node_modules')
  await mkdir(join(modules, '@automagik-spark'), { recursive: true })
  await cp(published, join(modules, '@automagik-spark/sdk'), { recursive: true })
  await symlink(join(here, 'node_modules/ky'), join(modules, 'ky'))
  await symlink(join(here, '../../node_modules/@types'), join(modules, '@types'))
  await writeFile(join(consumer, 'package.json'), JSON.stringify({ name: 'consumer', private: true }))
}, patient(120_000))

afterAll(() => rm(root, { recursive: true, force: true }))

/** Answers like Spark, as far as the examples need it. */
const spark: Answer = ({ method, url }, response) => {
  const path = new URL(url, 'http://x').pathname.replace('/api/v1', '')
  const task = { id: 't1', status: 'completed', error: null, output_data: { result: 'Hello to you' } }
  if (path === '/health') return json(response, 200, { status: 'healthy' })
  if (path === '/sources') return json(response, 201, { id: 's1', url: 'http://localhost:7860' })
  if (path === '/workflows/remote') return json(response, 200, [{ id: 'f1' }], { 'x-spark-unreachable': '' })
  if (path === '/workflows/sync/f1') return json(response, 201, { id: 'w1' })
  if (path === '/workflows/w1/run' || path === '/tasks/t1') return json(response, 200, task)
  if (path === '/schedules/w1') return json(response, 200, { id: 'w1', jitter: 0 }, { etag: '"3"' })
  if (method === 'GET')
    return json(response, 200, {
      items: [path === '/tasks' ? { ...task, error: 'broken' } : { id: 'w1' }],
      total: 1,
      limit: 50,
      offset: 0,
      has_more: false,
      next_cursor: null,
    })
  return json(response, 201, { id: 'x1' })
}

describe('the published package', () => {
  it(
    'satisfies publint',
    async () => {
      const manifest = JSON.parse(await readFile(join(published, 'package.json'), 'utf8'))
      const { messages } = await publint({ pkgDir: published, strict: true, pack: 'npm' })
      expect(messages.map((message) => formatMessage(message, manifest))).toEqual([])
    },
    patient(60_000),
  )

  it(
    'resolves to types and code in every kind of project, says attw',
    async () => {
      const cli = join(here, 'node_modules/@arethetypeswrong/cli/dist/index.js')
      const { stdout } = await node([cli, '--pack', published, '--format', 'json'], { cwd: root })
      expect(JSON.parse(stdout).problems).toEqual({})
    },
    patient(60_000),
  )

  it('has no Node imports, and types that need no other package', async () => {
    for (const file of ['index.js', 'index.cjs', 'index.d.ts', 'index.d.cts']) {
      const text = await readFile(join(published, 'dist', file), 'utf8')
      const imported = [...text.matchAll(/(?:from|import|require)\s*\(?\s*["']([^"']+)["']/g)].map(([, name]) => name)
      expect(
        imported.filter((name) => name !== 'ky'),
        file,
      ).toEqual([])
      if (file !== 'index.js') expect(imported, file).toEqual([])
    }
  })

  const programs = {
    'index.mjs': "import { Spark, SparkError } from '@automagik-spark/sdk'\n",
    'index.cjs': "const { Spark, SparkError } = require('@automagik-spark/sdk')\n",
  }
  const use = `
const main = async () => {
  console.log(JSON.stringify(await new Spark({ baseUrl: process.env.URL }).service.health()))
  const error = await new Spark({ baseUrl: 'http://127.0.0.1:1', maxRetries: 0 }).workers.list().catch((reason) => reason)
  console.log(error instanceof SparkError, error.name)
}
main()
`
  it.each(Object.entries(programs))('loads and works: %s', async (name, load) => {
    const server = await startServer(spark)
    const folder = join(root, name)
    try {
      await cp(consumer, folder, { recursive: true })
      // The CommonJS build includes ky, which cannot be required everywhere.
      if (name === 'index.cjs') await rm(join(folder, 'node_modules/ky'))
      await writeFile(join(folder, name), load + use)
      const { stdout, stderr } = await node([name], { cwd: folder, env: { ...process.env, URL: server.url } })
      expect(stdout).toBe('{"status":"healthy"}\ntrue ConnectionError\n')
      expect(stderr).toBe('')
    } finally {
      await server.stop()
    }
  })
})

describe('on a runtime without AbortSignal.any, as those at the edge are', () => {
  const program = `
delete AbortSignal.any
const { Spark } = await import('@automagik-spark/sdk')
const spark = new Spark({ baseUrl: process.env.URL })
const says = (promise) => promise.then((value) => value.status ?? 'answered', (error) => error.name + ': ' + error.message)
const { signal } = new AbortController()
console.log(await says(spark.service.health({ signal })))
console.log(await says(spark.service.health({ signal: AbortSignal.abort(new Error('left before')) })))
const leaving = new AbortController()
setTimeout(() => leaving.abort(new Error('left')), 20)
console.log(await says(spark.tasks.get('hangs', { signal: leaving.signal })))
const waiting = new AbortController()
setTimeout(() => waiting.abort(new Error('left while it waited to try again')), 20)
console.log(await says(spark.tasks.get('busy', { signal: waiting.signal })))
console.log(await says(spark.tasks.get('hangs', { timeout: 20 })))
process.exit()
`
  it('calls with a signal work, and end by it', async () => {
    const server = await startServer((request, response, count) => {
      if (request.url.endsWith('/busy')) json(response, 503, { detail: 'busy' }, { 'retry-after': '30' })
      else if (!request.url.endsWith('/hangs')) spark(request, response, count)
    })
    try {
      await writeFile(join(consumer, 'edge.mjs'), program)
      const { stdout } = await node(['edge.mjs'], { cwd: consumer, env: { ...process.env, URL: server.url } })
      expect(stdout.split('\n')).toEqual([
        'healthy',
        'Error: left before',
        'Error: left',
        'Error: left while it waited to try again',
        `TimeoutError: No answer from ${server.url} within 0.02 s`,
        '',
      ])
    } finally {
      await server.stop()
    }
  })
})

describe('README', () => {
  const blocks = async () =>
    [...(await readFile(join(here, 'README.md'), 'utf8')).matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code]) => code!)
  const ts = async () => (await import('typescript')).default

  it(
    'its examples pass the strictest type check',
    async () => {
      const compilerOptions = {
        strict: true,
        exactOptionalPropertyTypes: true,
        noUncheckedIndexedAccess: true,
        noEmit: true,
        module: 'nodenext',
        target: 'es2022',
        lib: ['es2023'],
        types: ['node'],
      }
      await writeFile(
        join(consumer, 'tsconfig.json'),
        JSON.stringify({
          compilerOptions,
          files: [...(await blocks()).map((_, index) => `readme${index}.mts`), 'common.cts'],
        }),
      )
      await writeFile(
        join(consumer, 'common.cts'),
        "import { Spark } from '@automagik-spark/sdk'\nexport const spark: Spark = new Spark()\n",
      )
      for (const [index, code] of (await blocks()).entries())
        await writeFile(join(consumer, `readme${index}.mts`), code)
      await expect(node([bin('typescript/lib/tsc.js'), '-p', consumer], { cwd: consumer })).resolves.toMatchObject({
        stdout: '',
      })
    },
    patient(60_000),
  )

  it(
    'its examples run',
    async () => {
      const server = await startServer(spark)
      const { transpileModule, ModuleKind, ScriptTarget } = await ts()
      const said: string[] = []
      try {
        for (const [index, code] of (await blocks()).entries()) {
          const js = transpileModule(code, {
            compilerOptions: { module: ModuleKind.ESNext, target: ScriptTarget.ES2022 },
          }).outputText
          await writeFile(
            join(consumer, `readme${index}.mjs`),
            js.replaceAll('new Spark({', 'new Spark({ baseUrl: process.env.URL,'),
          )
          const { stdout } = await node([`readme${index}.mjs`], {
            cwd: consumer,
            env: { ...process.env, URL: server.url, SPARK_API_KEY: 'sk-test', LANGFLOW_API_KEY: 'lf' },
          })
          said.push(stdout)
        }
      } finally {
        await server.stop()
      }
      expect(said).toEqual(['completed Hello to you []\n', '1 of 1\nt1 broken\n', '', ''])
    },
    patient(60_000),
  )
})
