import { MANUAL_RETRIES } from '@automagik-spark/core'
import type {
  RemoteFlow,
  RunOptions,
  SyncedFlows,
  Workflow,
  WorkflowItem,
  WorkflowsListQuery,
} from '@automagik-spark/sdk'
import type { Command } from 'commander'
import type { CommandContext, JsonOption, ListOptions } from '../command-context.ts'
import { previewDelete } from '../delete-preview.ts'
import { CliError, usage } from '../errors.ts'
import { follow, showResult } from '../follow.ts'
import {
  addCommand,
  addGroup,
  addInputOptions,
  addListOptions,
  addRetryOptions,
  addRunTimeoutOption,
  addYesOption,
  given,
  type InputOptions,
  jsonObject,
  readInput,
  type RetryOptions,
} from '../options.ts'
import type { Column } from '../table.ts'

const columns: Array<Column<WorkflowItem>> = [
  { header: 'ID', value: ({ id }) => id },
  { header: 'NAME', value: ({ name }) => name, flexible: true },
  { header: 'TYPE', value: ({ flow_type }) => flow_type },
  { header: 'SOURCE', value: ({ source }) => source, flexible: true },
  { header: 'LATEST RUN', value: ({ latest_run }) => latest_run },
  { header: 'TASKS', value: ({ task_count }) => task_count },
  { header: 'FAILED', value: ({ failed_task_count }) => failed_task_count },
]
const remoteColumns: Array<Column<RemoteFlow>> = [
  { header: 'ID', value: ({ id }) => id },
  { header: 'NAME', value: ({ name }) => name, flexible: true },
  { header: 'TYPE', value: ({ flow_type }) => flow_type },
  { header: 'SOURCE', value: ({ origin }) => origin.source_url, flexible: true },
  { header: 'DESCRIPTION', value: ({ description }) => description, flexible: true },
]
/** The graph of the flow, which only `--json` prints. */
const hidden = ['data']

type SyncOptions = JsonOption & { all?: true; source?: string; inputComponent?: string; outputComponent?: string }
type RunCommandOptions = JsonOption &
  Omit<InputOptions, 'input'> &
  RetryOptions & { session?: string; tweaks?: Record<string, unknown>; timeout?: number; wait: boolean }

export const addWorkflows = (program: Command, context: CommandContext): void => {
  const { io, out, spark, request, working, list, show, confirm } = context
  const group = addGroup(
    program,
    'workflows',
    'sync flows from the servers and run them',
    'automagik-spark workflows run 0199a1b2-0000-7000-8000-000000000002 "Hello"',
  )

  addListOptions(
    addCommand(group, 'list', 'list the synced workflows, newest first', [
      'automagik-spark workflows list --search report',
    ]),
  )
    .option('--source <id or url>', 'only workflows of this source')
    .option('--search <text>', 'only workflows with this text in name or description')
    .action((options: ListOptions & Pick<WorkflowsListQuery, 'source' | 'search'>) =>
      list(
        (query) => spark().workflows.list({ ...query, source: options.source, search: options.search }, request()),
        columns,
        options,
        'No workflows. See what the servers have: automagik-spark workflows remote',
      ),
    )

  addCommand(group, 'get <id>', 'show a workflow; its graph with --json', [
    'automagik-spark workflows get 0199a1b2-0000-7000-8000-000000000002',
  ]).action(async (id: string, options: JsonOption) =>
    show(await spark().workflows.get(id, request()), options, { hidden }),
  )

  addCommand(group, 'remote [flow_id]', 'list the flows of the connected servers, or show one of them', [
    'automagik-spark workflows remote',
    'automagik-spark workflows remote 5f1f5a1c-3f1e-4d42-8b66-1a3e3cf0b111 --source http://localhost:7860 --json',
  ])
    .option('--source <url or host>', 'only flows of this server')
    .action(async (flowId: string | undefined, options: JsonOption & { source?: string }) => {
      const query = { source_url: options.source }
      if (flowId !== undefined)
        return show(
          await working('Reading the flows', spark().workflows.remoteFlow(flowId, query, request())),
          options,
          { hidden },
        )
      const { flows, unreachable } = await working('Reading the flows', spark().workflows.remote(query, request()))
      for (const url of unreachable) out.note(`${url} could not be reached; its flows are missing here.`)
      if (options.json) return out.json(flows)
      if (flows.length === 0) return out.note('No flows. See the servers: automagik-spark sources list')
      await out.table(remoteColumns, flows)
    })

  addCommand(group, 'sync [flow_id]', 'copy a flow to Spark, or refresh the copy', [
    'automagik-spark workflows sync 5f1f5a1c-3f1e-4d42-8b66-1a3e3cf0b111',
    'automagik-spark workflows sync team:research --source http://localhost:8886',
    'automagik-spark workflows sync --all --source http://localhost:7860',
  ])
    .option('--all', 'every flow of the server named with --source')
    .option('--source <url or host>', 'the server that has the flow')
    .option('--input-component <id>', 'the component that gets the input (default: detected)')
    .option('--output-component <id>', 'the component that gives the answer (default: detected)')
    .action(async (flowId: string | undefined, options: SyncOptions) => {
      const all = options.all === true || flowId === '*'
      if (!all && flowId === undefined) throw usage('Name a flow, or use --all. See: automagik-spark workflows remote')
      if (options.all && flowId !== undefined && flowId !== '*') throw usage('Either name a flow or use --all.')
      if (!all)
        return showSynced(
          await working('Reading the flow', spark().workflows.sync(flowId!, syncQuery(options), request())),
          options,
        )
      if (options.source === undefined) throw usage('Say which server with --source. See: automagik-spark sources list')
      return showAllSynced(
        await working(
          'Reading every flow',
          spark().workflows.sync('*', { ...syncQuery(options), source_url: options.source }, request()),
        ),
        options,
      )
    })

  const syncQuery = ({ source, inputComponent, outputComponent }: SyncOptions) =>
    given({ source_url: source, input_component: inputComponent, output_component: outputComponent })
  const showSynced = (workflow: Workflow, options: JsonOption) => {
    for (const warning of workflow.warnings) out.note(`Warning: ${warning}`)
    show(workflow, options, { said: 'Synced.', hidden })
  }
  const showAllSynced = async ({ synced, failed }: SyncedFlows, { json }: JsonOption) => {
    if (json) out.json({ synced, failed })
    else {
      if (synced.length > 0) await out.table(columns, synced)
      else if (failed.length === 0) out.note('The server has no flows.')
      for (const { name, warnings } of synced) for (const warning of warnings) out.note(`Warning: ${name}: ${warning}`)
      for (const { flow_id, detail } of failed) out.note(`${flow_id}: ${detail}`)
    }
    if (failed.length > 0)
      throw new CliError(`${failed.length} of ${synced.length + failed.length} flows could not be synced.`)
  }

  const runCommand = addInputOptions(
    addCommand(group, 'run <id> [input]', 'run a workflow now and print its answer', [
      'automagik-spark workflows run 0199a1b2-0000-7000-8000-000000000002 "Hello"',
      'echo "Hello" | automagik-spark workflows run 0199a1b2-0000-7000-8000-000000000002 --input-file -',
    ]),
  )
  addRunTimeoutOption(addRetryOptions(runCommand, `default: ${MANUAL_RETRIES}`))
    .option('--session <id>', 'the conversation at the flow server (default: a new one)')
    .option('--tweaks <json>', "changes to the flow's components", jsonObject)
    .option('--no-wait', 'print the pending task and do not wait for the answer')
    .action(async (id: string, input: string | undefined, options: RunCommandOptions) => {
      const value = await readInput(given({ input, jsonInput: options.jsonInput, inputFile: options.inputFile }), io)
      if (value === undefined) out.note('No input is sent: the flow uses the input that is stored in it.')
      if (value === '') out.note('The input is empty.')
      const run: RunOptions = given({
        session_id: options.session,
        tweaks: options.tweaks,
        max_retries: options.maxRetries,
        retry_on: options.retryOn,
        timeout: options.timeout,
      })
      // Start and wait are two calls, so that the id of the task is known even when the connection breaks.
      const task = await spark().workflows.run(id, value, { ...run, wait: false }, request())
      if (!options.wait)
        return show(task, options, { said: `Started. Wait for its end: automagik-spark tasks wait ${task.id}` })
      showResult(context, await follow(context, task.id, { withoutWorker: 'fail' }), options)
    })

  addYesOption(
    addCommand(group, 'delete <id>', 'delete a workflow with its schedules and tasks; the flow server keeps its flow', [
      'automagik-spark workflows delete 0199a1b2-0000-7000-8000-000000000002 --yes',
    ]),
  ).action(async (id: string, options: JsonOption & { yes?: true }) => {
    await confirm(options.yes, previewDelete.workflow, id)
    const answer = await spark().workflows.delete(id, request())
    if (options.json) out.json(answer)
    else out.note('Deleted.')
  })
}
