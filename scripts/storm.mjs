// `npm run storm`: builds what is due, bundles e2e/storm and runs it. What stands behind `--` goes to it.
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runInForeground } from './lib/foreground.mjs'
import { requireNode } from './lib/node-version.mjs'
import { prepare } from './lib/prepare.mjs'
import { runStep, StepFailed } from './lib/step.mjs'

requireNode()
const root = fileURLToPath(new URL('..', import.meta.url))

const bundle = async () => {
  try {
    await runStep('Bundling the storm', process.execPath, [join(root, 'node_modules/tsup/dist/cli-default.js')], { cwd: join(root, 'e2e') })
    return true
  } catch (error) {
    if (!(error instanceof StepFailed)) throw error
    console.error([error.message, ...error.lines.map((line) => `  ${line}`)].join('\n'))
    return false
  }
}

const isReady = (await prepare(root)) && (await bundle())
process.exitCode = isReady ? await runInForeground(['e2e/dist/storm.js', ...process.argv.slice(2)], { cwd: root }) : 1
