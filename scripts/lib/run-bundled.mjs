import { join } from 'node:path'
import { runInForeground } from './foreground.mjs'
import { prepare } from './prepare.mjs'
import { runStep, StepFailed } from './step.mjs'

const bundle = async (root, folder) => {
  try {
    await runStep(`Bundling ${folder}`, process.execPath, [join(root, 'node_modules/tsup/dist/cli-default.js')], {
      cwd: join(root, folder),
    })
    return true
  } catch (error) {
    if (!(error instanceof StepFailed)) throw error
    console.error([error.message, ...error.lines.map((line) => `  ${line}`)].join('\n'))
    return false
  }
}

/** Builds what is missing, bundles `folder` and runs one of its programs with our arguments. Resolves with the exit code. */
export const runBundled = async (root, folder, program) =>
  (await prepare(root)) && (await bundle(root, folder))
    ? runInForeground([`${folder}/dist/${program}`, ...process.argv.slice(2)], { cwd: root })
    : 1
