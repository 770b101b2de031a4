import { DEFAULT_SOURCE_CONCURRENCY, SourceStatus, SourceType } from '@automagik-spark/core'
import type { CreateSource, Source, SourcesListQuery, UpdateSource } from '@automagik-spark/sdk'
import { type Command, Option } from 'commander'
import type { CommandContext, JsonOption, ListOptions } from '../command-context.ts'
import { previewDelete } from '../delete-preview.ts'
import { usage } from '../errors.ts'
import { readAll } from '../io.ts'
import { addCommand, addGroup, addListOptions, addYesOption, given, wholeNumber } from '../options.ts'
import type { Column } from '../table.ts'

const columns: Array<Column<Source>> = [
  { header: 'ID', value: ({ id }) => id },
  { header: 'NAME', value: ({ name }) => name, flexible: true },
  { header: 'TYPE', value: ({ source_type }) => source_type },
  { header: 'URL', value: ({ url }) => url, flexible: true },
  { header: 'STATUS', value: ({ status }) => status },
  { header: 'HEALTH', value: ({ health }) => health },
]

type KeyOptions = { apiKey?: string; apiKeyStdin?: true }
type Fields = { name?: string; type?: Source['source_type']; maxConcurrency?: number }
type CreateOptions = JsonOption & KeyOptions & Fields
type UpdateOptions = CreateOptions & { url?: string; status?: Source['status']; removeApiKey?: true }

const addFieldOptions = (command: Command): Command =>
  command
    .option('--name <name>', 'name of the source')
    .addOption(new Option('--type <type>', 'kind of server (default: detected)').choices(SourceType.options))
    .option(
      '--api-key <key>',
      "the server's API key; other users of this machine can see it while the command runs, so prefer --api-key-stdin",
    )
    .option('--api-key-stdin', 'read the key from stdin')
    .option(
      '--max-concurrency <n>',
      `how many calls at the same time, over all workers (${DEFAULT_SOURCE_CONCURRENCY} for a new source)`,
      wholeNumber(1),
    )

export const addSources = (
  program: Command,
  { io, out, spark, request, working, list, show, confirm, requireTrustedAddress }: CommandContext,
): void => {
  const group = addGroup(
    program,
    'sources',
    'connect flow servers',
    'automagik-spark sources create http://localhost:7860',
  )

  const readKey = async ({ apiKey, apiKeyStdin }: KeyOptions): Promise<string | undefined> => {
    if (!apiKeyStdin) return apiKey
    if (apiKey !== undefined) throw usage('Give the key only once: with --api-key or with --api-key-stdin.')
    const key = (await readAll(io.stdin)).trim()
    if (key === '') throw usage('There was no key on stdin.')
    return key
  }

  const keyOfEnvironment = (): string | undefined => {
    const key = io.env.SOURCE_API_KEY || undefined
    if (key !== undefined) requireTrustedAddress('SOURCE_API_KEY')
    return key
  }

  addFieldOptions(
    addCommand(
      group,
      'create <url>',
      'connect a flow server; it is validated first, and nothing is stored when that fails',
      [
        'automagik-spark sources create http://localhost:7860 --name "My Langflow"',
        'echo "sk-langflow-key" | automagik-spark sources create http://localhost:7860 --api-key-stdin',
      ],
    ),
  )
    .addHelpText('after', '\nWithout one of the two options, the environment variable SOURCE_API_KEY is the key.')
    .action(async (url: string, options: CreateOptions) => {
      const api_key = (await readKey(options)) ?? keyOfEnvironment()
      const source: CreateSource = given({
        url,
        name: options.name,
        source_type: options.type,
        api_key,
        max_concurrency: options.maxConcurrency,
      })
      show(await working(`Validating ${url}`, spark().sources.create(source, request())), options, {
        said: 'Connected.',
      })
    })

  addListOptions(addCommand(group, 'list', 'list the flow servers', ['automagik-spark sources list --status active']))
    .addOption(new Option('--status <status>', 'only sources with this status').choices(SourceStatus.options))
    .action((options: ListOptions & Pick<SourcesListQuery, 'status'>) =>
      list(
        (query) => spark().sources.list({ ...query, status: options.status }, request()),
        columns,
        options,
        'No sources. Connect one: automagik-spark sources create http://localhost:7860',
      ),
    )

  addCommand(group, 'get <id>', 'show a flow server', [
    'automagik-spark sources get 0199a1b2-0000-7000-8000-000000000001',
  ]).action(async (id: string, options: JsonOption) => show(await spark().sources.get(id, request()), options))

  addFieldOptions(
    addCommand(group, 'update <id>', 'change the given fields; a new URL, key or type is validated first', [
      'automagik-spark sources update 0199a1b2-0000-7000-8000-000000000001 --status inactive',
    ]),
  )
    .option('--remove-api-key', 'remove the stored key')
    .option('--url <url>', 'the new address')
    .addOption(new Option('--status <status>', 'an inactive source runs nothing').choices(SourceStatus.options))
    .action(async (id: string, options: UpdateOptions) => {
      const key = await readKey(options)
      if (key !== undefined && options.removeApiKey) throw usage('Either give a key or --remove-api-key.')
      const changes: UpdateSource = given({
        name: options.name,
        source_type: options.type,
        url: options.url,
        status: options.status,
        max_concurrency: options.maxConcurrency,
        api_key: options.removeApiKey ? null : key,
      })
      if (Object.keys(changes).length === 0)
        throw usage('Nothing to change was given. See: automagik-spark sources update --help')
      show(await working('Validating the server', spark().sources.update(id, changes, request())), options, {
        said: 'Changed.',
      })
    })

  addCommand(group, 'validate <id>', 'validate the server again and update its health', [
    'automagik-spark sources validate 0199a1b2-0000-7000-8000-000000000001',
  ]).action(async (id: string, options: JsonOption) =>
    show(await working('Validating the server', spark().sources.validate(id, request())), options),
  )

  addYesOption(
    addCommand(group, 'delete <id>', 'delete a flow server with its workflows, schedules and tasks', [
      'automagik-spark sources delete 0199a1b2-0000-7000-8000-000000000001 --yes',
    ]),
  ).action(async (id: string, options: JsonOption & { yes?: true }) => {
    await confirm(options.yes, previewDelete.source, id)
    const answer = await spark().sources.delete(id, request())
    if (options.json) out.json(answer)
    else out.note('Deleted.')
  })
}
