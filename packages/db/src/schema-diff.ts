import { readFile } from 'node:fs/promises'
import { type Migration, migrationList, readMigrations, SCHEMA } from './migration-files.ts'
import { withSchemaEngine } from './schema-engine.ts'

type Options = {
  /** An empty database: the migrations are applied to it. */
  emptyUrl: string
  /** Other migrations than this package's. */
  migrations?: Migration[]
}
const FILTERS = { externalTables: [], externalEnums: [] }

/**
 * The SQL that schema.prisma needs and the migrations do not make; empty when they agree. Prisma does not see what it cannot express
 * (functions, triggers, checks, partial indexes).
 */
export const schemaDrift = ({ emptyUrl, migrations }: Options): Promise<string> =>
  withSchemaEngine({ url: emptyUrl, shadowUrl: emptyUrl }, async ({ engine, scriptError }) => {
    const from = { tag: 'migrations' as const, ...(await migrationList(migrations ?? (await readMigrations()))) }
    const to = { tag: 'schemaDatamodel' as const, files: [{ path: SCHEMA, content: await readFile(SCHEMA, 'utf8') }] }
    try {
      const { exitCode, stdout } = await engine.diff({ from, to, script: true, exitCode: true, filters: FILTERS })
      return exitCode === 0 ? '' : (stdout ?? '')
    } catch (cause) {
      throw scriptError() ?? cause
    }
  })
