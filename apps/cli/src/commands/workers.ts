import type { Worker } from '@automagik-spark/sdk'
import type { Command } from 'commander'
import type { CommandContext, ListOptions } from '../command-context.ts'
import { addCommand, addGroup, addListOptions } from '../options.ts'
import type { Column } from '../table.ts'

const columns: Array<Column<Worker>> = [
  { header: 'ID', value: ({ id }) => id },
  { header: 'HOST', value: ({ hostname }) => hostname, flexible: true },
  { header: 'PID', value: ({ pid }) => pid },
  { header: 'STATUS', value: ({ status }) => status },
  { header: 'RUNNING', value: ({ current_tasks, concurrency }) => `${current_tasks} of ${concurrency}` },
  { header: 'VERSION', value: ({ version }) => version },
  { header: 'LAST HEARTBEAT', value: ({ last_heartbeat }) => last_heartbeat },
]

export const addWorkers = (program: Command, { spark, request, list }: CommandContext): void => {
  const group = addGroup(program, 'workers', 'list the processes that run the tasks', 'automagik-spark workers list')
  addListOptions(
    addCommand(group, 'list', 'list the workers, newest first', ['automagik-spark workers list --json']),
  ).action((options: ListOptions) =>
    list(
      (query) => spark().workers.list(query, request()),
      columns,
      options,
      'No workers. Start one: automagik-spark worker start',
    ),
  )
}
