// Runs before a package is packed: builds everything with types, which `npm start` leaves out, and fails when a file is still missing.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { missingFiles } from './lib/named-files.mjs'
import { requireNode } from './lib/node-version.mjs'
import { prepare } from './lib/prepare.mjs'

requireNode()
const folder = process.cwd()
const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
const isBuilt = await prepare(fileURLToPath(new URL('..', import.meta.url)), { types: true })
const missing = missingFiles(folder, manifest)
if (missing.length > 0)
  console.error(
    `${manifest.name} names files that do not exist: ${missing.join(', ')}. Run npm run build, or take them out of its package.json.`,
  )
process.exitCode = isBuilt && missing.length === 0 ? 0 : 1
