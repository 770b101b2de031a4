// `npm start`, `npm run demo`, `npm run stub`: need nothing but Node and npm; install and build when that is due, then run it.
import { fileURLToPath } from 'node:url'
import { runInForeground } from './lib/foreground.mjs'
import { requireNode } from './lib/node-version.mjs'
import { prepare } from './lib/prepare.mjs'

const PROGRAMS = {
  start: ['apps/cli/dist/main.js', 'start'],
  demo: ['scripts/demo.mjs'],
  stub: ['packages/testing/dist/stub-main.js'],
}

// A full disk, or a reader that is gone: the program goes on without a word.
for (const output of [process.stdout, process.stderr]) output.on('error', () => undefined)

requireNode()
const root = fileURLToPath(new URL('..', import.meta.url))
const [first, ...others] = process.argv.slice(2)
const [program, given] =
  first === 'demo' || first === 'stub' ? [PROGRAMS[first], others] : [PROGRAMS.start, process.argv.slice(2)]

process.exitCode = (await prepare(root)) ? await runInForeground([...program, ...given], { cwd: root }) : 1
