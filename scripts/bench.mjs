// `npm run bench`: passes on the arguments after `--`.
import { fileURLToPath } from 'node:url'
import { requireNode } from './lib/node-version.mjs'
import { runBundled } from './lib/run-bundled.mjs'

requireNode()
process.exitCode = await runBundled(fileURLToPath(new URL('..', import.meta.url)), 'bench', 'main.js')
