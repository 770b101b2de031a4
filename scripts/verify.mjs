// `npm run verify`: what `npm test` checks before it runs tests. Builds first when that is due.
import { fileURLToPath } from 'node:url'
import { runChecks } from './lib/checks.mjs'
import { requireNode } from './lib/node-version.mjs'
import { prepare } from './lib/prepare.mjs'

requireNode()
const root = fileURLToPath(new URL('..', import.meta.url))
const holds = (await prepare(root, { types: true })) && (await runChecks(root)).failed === 0
process.exitCode = holds ? 0 : 1
