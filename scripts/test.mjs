// `npm test`: everything that must hold, on a machine with nothing but Node and npm, busy or not. The last line has the totals.
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { runChecks } from './lib/checks.mjs'
import { requireNode } from './lib/node-version.mjs'
import { prepare } from './lib/prepare.mjs'
import { report } from './lib/report.mjs'
import { addUp } from './lib/totals.mjs'
import { bePatient, runVitest } from './lib/vitest.mjs'

requireNode()
const root = fileURLToPath(new URL('..', import.meta.url))

/** Compiling the Mongo server for tests takes a minute the first time: meanwhile the rest is checked. What cannot be made the tests will say. */
const startMongoBuild = () =>
  new Promise((resolve) => {
    const code = `import('./packages/testing/dist/index.js').then(({ prepareMongo }) => prepareMongo({ mongodbUri: process.env.MONGODB_URI, progress: () => {} }))`
    spawn(process.execPath, ['--input-type=module', '-e', code], { cwd: root, stdio: 'ignore' })
      .once('error', resolve)
      .once('exit', resolve)
  })

const main = async () => {
  if (!(await prepare(root, { types: true }))) return { passed: 0, failed: 1, skipped: [], problems: [] }
  const mongo = startMongoBuild()
  const checks = await runChecks(root) // each counts as one test
  await mongo
  await bePatient() // the load of the build and the checks lies behind us
  return addUp({ ...checks, skipped: [], problems: [] }, await runVitest(process.argv.slice(2), { cwd: root }))
}

report(await main(), root)
