// `npm run release`: tests, then a commit with the new version and the dated CHANGELOG.md, and its tag. Publishes nothing: docs/releasing.md.
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runInForeground } from './lib/foreground.mjs'
import { requireNode } from './lib/node-version.mjs'
import { datedChangelog, lineOf, refusals, unreleasedVersion } from './lib/release-plan.mjs'

requireNode()
const root = fileURLToPath(new URL('..', import.meta.url))
const path = (name) => join(root, name)
const read = (name) => readFileSync(path(name), 'utf8')

const git = (...args) => {
  const { status, stdout, stderr } = spawnSync('git', args, { cwd: root, encoding: 'utf8' })
  if (status !== 0) throw new Error(`git ${args.join(' ')} failed: ${stderr.trim()}`)
  return stdout.trim()
}
const stop = (sentences) => {
  for (const sentence of sentences) console.error(`No release: ${sentence}`)
  process.exit(1)
}
/** Ends the release when the program fails. */
const mustRun = async (...args) => {
  const code = await runInForeground(args, { cwd: root })
  if (code !== 0) stop([`${args.join(' ')} ended with code ${code}`])
}

const changesets = readdirSync(path('.changeset')).filter((name) => name.endsWith('.md') && name !== 'README.md')
const changelog = read('CHANGELOG.md')
const refused = refusals({
  branch: git('branch', '--show-current'),
  changes: git('status', '--porcelain'),
  changesets,
  changelog,
})
if (refused.length > 0) stop(refused)

await mustRun('scripts/test.mjs')

const lines = changesets.map((name) => lineOf(read(`.changeset/${name}`)))
// The first version is released as it is; later ones are counted up by the changesets, which this deletes.
if (unreleasedVersion(changelog) === null) await mustRun('node_modules/@changesets/cli/bin.js', 'version')
const { version } = JSON.parse(read('packages/sdk/package.json'))
const date = new Date().toISOString().slice(0, 10)
writeFileSync(path('CHANGELOG.md'), datedChangelog(changelog, { version, date, lines }))
git('commit', '--all', '--message', `release: ${version}`)
git('tag', '--annotate', `v${version}`, '--message', `Spark ${version}`)
console.log(`Spark ${version} is committed and tagged as v${version}. docs/releasing.md says how to publish it.`)
