// `npm run build`: installs what is missing and builds everything, types included.
import { fileURLToPath } from 'node:url'
import { requireNode } from './lib/node-version.mjs'
import { prepare } from './lib/prepare.mjs'

requireNode()
process.exitCode = (await prepare(fileURLToPath(new URL('..', import.meta.url)), { types: true })) ? 0 : 1
