// node scripts/make-migration.mjs <name>: writes the next migration, with what prisma/schema.prisma and prisma/sql have and the migrations lack.
// It uses the code of the built package (npx turbo run build --filter @automagik-spark/db).
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'

const name = process.argv[2]
if (!name || !/^[a-z][a-z0-9_]*$/.test(name)) {
  console.error('Usage: node scripts/make-migration.mjs <name>, in lower case with underscores')
  process.exit(1)
}

const { MIGRATIONS, emptyDatabase, readMigrations, readSqlFiles, schemaDrift, startTemporaryServer } =
  await import('../dist/testing.js')

/** Files of prisma/sql whose text no migration has yet. */
const newSqlFiles = async () => {
  const migrations = await readMigrations()
  return (await readSqlFiles()).filter((file) => !migrations.some(({ sql }) => sql.includes(file.sql)))
}

const server = await startTemporaryServer()
try {
  const { url } = await emptyDatabase(server.url)
  const parts = [await schemaDrift({ emptyUrl: url }), ...(await newSqlFiles()).map((file) => file.sql)]
  const sql = parts.filter((part) => part !== '').join('\n')
  if (sql === '') {
    console.log('The migrations make exactly schema.prisma and prisma/sql already.')
  } else {
    const time = new Date().toISOString().replace(/\D/g, '').slice(0, 14)
    const file = join(MIGRATIONS, `${time}_${name}`, 'migration.sql')
    await mkdir(dirname(file), { recursive: true })
    await writeFile(file, sql)
    console.log(`Wrote ${file}: read it, and see that the previous version of Spark can work with it.`)
  }
} finally {
  await server.close()
}
