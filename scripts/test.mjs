// `npm test`: installs, builds, checks and tests everything, on a machine with only Node and npm, busy or idle. The last line has the totals.
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

/** Compiles the Mongo server of the tests while the checks run: the first time it takes a minute. When that fails, the tests report it. */
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
  await bePatient() // measured now, when the load of build and checks is over
  return addUp({ ...checks, skipped: [], problems: [] }, await runVitest(process.argv.slice(2), { cwd: root }))
}

report(await main(), root)
