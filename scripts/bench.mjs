// `npm run bench`: what stands behind `--` goes to it.
import { fileURLToPath } from 'node:url'
import { requireNode } from './lib/node-version.mjs'
import { runBundled } from './lib/run-bundled.mjs'

requireNode()
process.exitCode = await runBundled(fileURLToPath(new URL('..', import.meta.url)), 'bench', 'main.js')
