import os from 'node:os' // not by names: an old Node lacks some, and must get as far as requireNode
import { isCi } from './is-ci.mjs'
import { runStep, StepFailed } from './step.mjs'

const CACHE = 'node_modules/.cache'
/**
 * The cache compares only the file itself, but rules that read types depend on other files, too: an error that another file causes shows only when
 * this file changes. So CI uses no cache.
 */
const lintCache = isCi ? [] : ['--cache', '--cache-strategy=content', `--cache-location=${CACHE}/eslint/`]

/** What must hold before any test runs, the longest first. The one list of `npm run verify` and `npm test`. */
const CHECKS = [
  ['Checking style (eslint)', 'node_modules/eslint/bin/eslint.js', ...lintCache, '.'],
  ['Checking types (tsc)', 'node_modules/typescript/bin/tsc', '--noEmit'],
  [
    'Checking layout (prettier)',
    'node_modules/prettier/bin/prettier.cjs',
    '--check',
    '--log-level=warn',
    '--cache',
    '--cache-strategy=content',
    `--cache-location=${CACHE}/prettier.json`,
    '.',
  ],
  ['Looking for unused code (knip)', 'node_modules/knip/bin/knip.js', '--no-progress', '--no-config-hints'],
  ['Checking packages (publint)', 'scripts/check-packages.mjs'],
]

/** Runs all of them, one per core at a time, and counts them. What fails is printed when all have ended. */
export const runChecks = async (root, { checks = CHECKS, atOnce = os.availableParallelism() } = {}) => {
  const waiting = [...checks]
  let passed = 0
  const failures = []
  const work = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const [title, ...args] = next
      try {
        await runStep(title, process.execPath, args, { cwd: root })
        passed++
      } catch (error) {
        if (!(error instanceof StepFailed)) throw error
        failures.push(error)
      }
    }
  }
  await Promise.all(Array.from({ length: atOnce }, work))
  for (const { message, lines } of failures) console.log([message, ...lines.map((line) => `  ${line}`), ''].join('\n'))
  return { passed, failed: failures.length }
}
