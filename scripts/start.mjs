// `npm start`, `npm run demo`, `npm run stub`: need only Node and npm; install and build what is missing, then run the program.
import { fileURLToPath } from 'node:url'
import { runInForeground } from './lib/foreground.mjs'
import { requireNode } from './lib/node-version.mjs'
import { prepare } from './lib/prepare.mjs'

const PROGRAMS = {
  start: ['apps/cli/dist/main.js', 'start'],
  demo: ['scripts/demo.mjs'],
  stub: ['packages/testing/dist/stub-main.js'],
}

// When the disk is full or the reader of a pipe is gone, the program goes on without output.
for (const output of [process.stdout, process.stderr]) output.on('error', () => undefined)

requireNode()
const root = fileURLToPath(new URL('..', import.meta.url))
const [first, ...others] = process.argv.slice(2)
const [program, given] =
  first === 'demo' || first === 'stub' ? [PROGRAMS[first], others] : [PROGRAMS.start, process.argv.slice(2)]

process.exitCode = (await prepare(root)) ? await runInForeground([...program, ...given], { cwd: root }) : 1
