import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { beginBuild, beginInstall, endBuild, fingerprint, whatIsMissing } from './stamp.mjs'
import { runStep, StepFailed } from './step.mjs'

const HINTS = [
  [/ERR_PNPM_OUTDATED_LOCKFILE/, (pnpm) => `A package.json was changed without the lockfile: run npx ${pnpm} install.`],
  [
    /ENOTFOUND|EAI_AGAIN|ETIMEDOUT|ECONNREFUSED|ECONNRESET|ENETUNREACH|ERR_PNPM_(META_FETCH|FETCH)|ERR_SOCKET_TIMEOUT/i,
    () =>
      'The package registry could not be reached: check the network, or the proxy and registry of your npm configuration, and try again.',
  ],
  [
    /CERT_|SELF_SIGNED|UNABLE_TO_(VERIFY|GET_ISSUER)/,
    () => 'The certificate of the package registry is not trusted: set NODE_EXTRA_CA_CERTS to that of your network.',
  ],
  [/ENOSPC|No space left/i, () => 'The disk is full: libraries and build need about 1 GB.'],
  [
    /EACCES|EPERM|EROFS|permission denied/i,
    () =>
      'Files here or in the npm cache may not be written: check who owns this folder, ~/.npm and ~/.local/share/pnpm.',
  ],
  [/heap out of memory|ended by SIGKILL|exit code 137/i, () => 'It ran out of memory: about 2 GB are needed.'],
]
const SHOWN_LINES = 40

/** The lines of turbo's output that belong to the packages that failed; all lines when it names none. */
const linesOfFailed = (lines) => {
  const failed = lines
    .flatMap((line) => /^\s*Failed:\s+(.*)/.exec(line)?.[1].split(/,\s*/) ?? [])
    .map((task) => `${task.replace('#', ':')}: `)
  if (failed.length === 0) return lines
  return lines.filter((line) => !/^\S+:\S+: /.test(line) || failed.some((task) => line.startsWith(task)))
}

/** What failed, the last lines of the tool, and what to try. */
export const describeFailure = ({ message, lines: all }, pnpm) => {
  const lines = linesOfFailed(all)
  const text = [message, ...lines].join('\n')
  const hint = HINTS.find(([pattern]) => pattern.test(text))?.[1](pnpm)
  return [
    message,
    '',
    ...lines.slice(-SHOWN_LINES).map((line) => `  ${line}`),
    '',
    hint ??
      'If a source file is named above, the error is in it. Otherwise run the command again: it continues where it stopped.',
  ].join('\n')
}

/** `npm exec` of the npm that started this process, else of the one on the PATH. */
const npmExec = () => {
  const npm = process.env.npm_execpath
  if (npm && /^np[mx]-cli\.js$/.test(basename(npm)))
    return { command: process.execPath, before: [join(npm, '..', 'npm-cli.js'), 'exec'], shell: false }
  return { command: 'npm', before: ['exec'], shell: process.platform === 'win32' }
}

/**
 * Installs, generates and builds what is missing; in a built tree it only compares hashes. When it fails, it prints why and resolves with false.
 * Without `types` the build leaves out the type declarations: no program needs them to run, and they take most of the time.
 */
export const prepare = async (root, { types = false } = {}) => {
  const current = fingerprint(root)
  const missing = whatIsMissing(root, current, { types })
  if (missing === 'nothing') return true

  const { packageManager } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const [pnpm] = packageManager.split('+') // what may follow is a hash
  // With NODE_ENV=production the build tools would not be installed. The other two are options of a surrounding `npx -c`, which our npm exec would read as its own.
  const { NODE_ENV: _, npm_config_call: __, npm_config_package: ___, ...rest } = process.env
  const env = {
    ...rest,
    TURBO_TELEMETRY_DISABLED: '1',
    DO_NOT_TRACK: '1',
    NO_UPDATE_NOTIFIER: '1',
    ...(!types && { SPARK_BUILD_WITHOUT_TYPES: '1' }),
  }
  const { command, before, shell } = npmExec()
  // npm exec puts pnpm on the PATH, because turbo calls it by name.
  const withPnpm = (title, ...args) =>
    runStep(title, command, [...before, '--yes', `--package=${pnpm}`, '--', ...args], { cwd: root, env, shell })

  try {
    if (missing === 'install') {
      beginInstall(root)
      await withPnpm(
        'Installing libraries',
        'pnpm',
        'install',
        '--frozen-lockfile',
        '--reporter=append-only',
        '--config.confirmModulesPurge=false',
      )
    }
    beginBuild(root, current)
    await withPnpm('Building', 'turbo', 'run', 'build', '--log-order=grouped', '--output-logs=new-only')
    endBuild(root, current, { types })
    return true
  } catch (error) {
    if (!(error instanceof StepFailed)) throw error
    console.error(describeFailure(error, pnpm))
    return false
  }
}
