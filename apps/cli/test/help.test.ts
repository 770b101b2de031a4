import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { makeProgram } from '../src/cli.ts'
import { makeCommandContext } from '../src/command-context.ts'
import { pathOf } from '../src/options.ts'
import { type FakeApi, KEY, startFakeApi } from './fake-api.ts'
import { invoke, parseLine } from './invoke.ts'

const nothing = async (): Promise<never> => Promise.reject(new Error('not for these tests'))
const commands = (): Command[] => {
  const output = { write: () => {} }
  const io = {
    env: {},
    cwd: '/',
    stdin: (async function* () {})(),
    stdout: output,
    stderr: output,
    timeZone: 'UTC',
    ask: async () => '',
    interrupted: () => new AbortController().signal,
  }
  const walk = (command: Command): Command[] => [command, ...command.commands.flatMap(walk)]
  return walk(
    makeProgram(makeCommandContext(io), {
      start: nothing,
      apiStart: nothing,
      workerStart: nothing,
      dbMigrate: nothing,
      dbStatus: nothing,
    }),
  )
}
const paths = commands().map((command) => pathOf(command))
const helpOf = (path: string) => invoke([...path.split(' ').slice(1), '--help'])
const examplesIn = (text: string): string[] => [...text.matchAll(/^ {2}\$ (.*)$/gm)].map(([, line]) => line!)

let api: FakeApi
beforeAll(async () => {
  api = await startFakeApi()
})
beforeEach(() => api.reset())
afterAll(() => api.stop())

it('has the groups and verbs of the API', () => {
  expect(paths.map((path) => path.replace('automagik-spark', '').trim())).toEqual([
    '',
    'start',
    'api',
    'api start',
    'worker',
    'worker start',
    'sources',
    'sources create',
    'sources list',
    'sources get',
    'sources update',
    'sources validate',
    'sources delete',
    'workflows',
    'workflows list',
    'workflows get',
    'workflows remote',
    'workflows sync',
    'workflows run',
    'workflows delete',
    'schedules',
    'schedules create',
    'schedules preview',
    'schedules list',
    'schedules get',
    'schedules update',
    'schedules enable',
    'schedules disable',
    'schedules run',
    'schedules backfill',
    'schedules occurrences',
    'schedules delete',
    'tasks',
    'tasks list',
    'tasks get',
    'tasks wait',
    'tasks logs',
    'tasks cancel',
    'tasks retry',
    'tasks replay',
    'tasks delete',
    'workers',
    'workers list',
    'db',
    'db migrate',
    'db status',
  ])
})

describe.each(paths)('%s --help', (path) => {
  it('has an example of this command or of a subcommand, and every example works', async () => {
    const { code, stdout, stderr } = await helpOf(path)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const examples = examplesIn(stdout)
    expect(examples.length).toBeGreaterThan(0)
    for (const line of examples) {
      expect(line).toContain(path)
      const { args, stdin } = parseLine(line)
      const tried = await invoke(args, {
        env: { SPARK_API_URL: api.url, SPARK_API_KEY: KEY },
        ...(stdin !== undefined && { stdin }),
      })
      expect({ line, code: tried.code, error: /error.*/.exec(tried.stderr)?.[0] }).toEqual({
        line,
        code: 0,
        error: undefined,
      })
    }
  })
})

it('every example of the README works', async () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
  const lines = [...readme.matchAll(/```sh\n([\s\S]*?)```/g)]
    .flatMap(([, block]) => block!.split('\n'))
    .filter((line) => line.includes('automagik-spark'))
  expect(lines.length).toBeGreaterThan(5)
  for (const line of lines) {
    const { args, stdin } = parseLine(line.replace(/ +#.*$/, ''))
    const { code, stderr } = await invoke(args, {
      env: { SPARK_API_URL: api.url, SPARK_API_KEY: KEY },
      ...(stdin !== undefined && { stdin }),
    })
    expect({ line, code, error: /error.*/.exec(stderr)?.[0] }).toEqual({ line, code: 0, error: undefined })
  }
})

it('says that others can see a key on the command line, and how to give it safely', async () => {
  const { stdout } = await helpOf('automagik-spark sources create')
  expect(stdout).toContain('other users of this machine')
  expect(stdout).toContain('--api-key-stdin')
  expect(stdout).toContain('SOURCE_API_KEY')
})

describe('wrong use', () => {
  it.each([
    ['an unknown command', ['sourcs'], '(Did you mean sources?)', 'See: automagik-spark --help'],
    ['an unknown verb', ['tasks', 'lst'], '(Did you mean list?)', 'See: automagik-spark tasks --help'],
    [
      'an unknown option',
      ['tasks', 'list', '--stats', 'failed'],
      '(Did you mean --status?)',
      'See: automagik-spark tasks list --help',
    ],
    ['a missing argument', ['tasks', 'get'], "missing required argument 'id'", 'See: automagik-spark tasks get --help'],
    ['an argument too many', ['tasks', 'get', 'a', 'b'], 'too many arguments', 'See: automagik-spark tasks get --help'],
    [
      'a value outside the choices',
      ['tasks', 'list', '--status', 'broken'],
      'Allowed choices are pending',
      'See: automagik-spark tasks list --help',
    ],
    [
      'a number out of range',
      ['tasks', 'list', '--limit', '0'],
      'whole number, 1 or more',
      'See: automagik-spark tasks list --help',
    ],
    [
      'a missing option',
      ['schedules', 'create', '--at', 'now'],
      "required option '--workflow <id>' not specified",
      'See: automagik-spark schedules create --help',
    ],
  ])('%s ends with 2 and points to the help', async (_, args, says, next) => {
    const { code, stdout, stderr } = await invoke(args)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toContain(says)
    expect(stderr).toContain(next)
  })

  it.each([[[]], [['sources']], [['api']]])('a missing command shows the help on stderr: %j', async (args) => {
    const { code, stdout, stderr } = await invoke(args)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toContain('Usage: automagik-spark')
  })
})

it('prints its version', async () => {
  expect(await invoke(['--version'])).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) })
})
