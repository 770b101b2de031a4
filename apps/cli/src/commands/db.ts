import type { Command } from 'commander'
import type { CommandContext, JsonOption } from '../command-context.ts'
import type { LocalCommands } from '../local-commands.ts'
import { addCommand, addGroup } from '../options.ts'

export const addDb = (
  program: Command,
  { out, working }: CommandContext,
  { dbMigrate, dbStatus }: LocalCommands,
): void => {
  const group = addGroup(program, 'db', 'migrate the database, or show its migrations', 'automagik-spark db status')

  addCommand(group, 'migrate', 'bring the schema up to date; start does this, too', [
    'automagik-spark db migrate',
  ]).action(async ({ json }: JsonOption) => {
    const result = await working('Migrating', dbMigrate())
    if (json) return out.json(result)
    for (const name of result.applied) out.text(name)
    out.note(result.applied.length === 0 ? 'The schema was up to date.' : `${result.applied.length} applied.`)
  })

  addCommand(group, 'status', 'show which migrations are applied', ['automagik-spark db status --json']).action(
    async ({ json }: JsonOption) => {
      const status = await working('Reading the database', dbStatus())
      if (json) return out.json(status)
      await out.table(
        [
          { header: 'MIGRATION', value: ({ name }) => name },
          { header: 'STATUS', value: ({ state }) => state },
        ],
        [
          ...status.applied.map((name) => ({ name, state: 'applied' })),
          ...status.pending.map((name) => ({ name, state: 'pending' })),
        ],
      )
      if (status.pending.length > 0) out.note('Apply the pending migrations: automagik-spark db migrate')
    },
  )
}
