// node scripts/make-migration.mjs <name>: writes what prisma/schema.prisma has and the migrations lack as the next migration.
// Needs the built package (npx turbo run build --filter @automagik-spark/db), since it uses its own code.
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'

const name = process.argv[2]
if (!name || !/^[a-z][a-z0-9_]*$/.test(name)) {
  console.error('Usage: node scripts/make-migration.mjs <name>, in lower case with underscores')
  process.exit(1)
}

const { MIGRATIONS, emptyDatabase, schemaDrift, startTemporaryServer } = await import('../dist/testing.js')

const server = await startTemporaryServer()
try {
  const { url } = await emptyDatabase(server.url)
  const sql = await schemaDrift({ emptyUrl: url })
  if (sql === '') {
    console.log('The migrations make exactly schema.prisma already.')
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
