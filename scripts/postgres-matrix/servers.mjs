import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runStep, StepFailed } from '../lib/step.mjs'

const HERE = fileURLToPath(new URL('.', import.meta.url))
const MAJORS_OF_NPM = [14, 16, 17]
/** Where Debian and Ubuntu install each version of PostgreSQL. */
const DEBIAN = '/usr/lib/postgresql'
/** The version of Debian 12. Another one will do when it compiles statements (JIT). */
const WANTED = 15
const MAJORS_OF_DEBIAN = [WANTED, 16, 17, 14]

/** npm packages contain no symlinks; an install script makes them, and npm may be configured to run no scripts. */
const restoreSymlinks = (folder) => {
  for (const { source, target } of JSON.parse(readFileSync(join(folder, 'native/pg-symlinks.json'), 'utf8'))) {
    const path = join(folder, target)
    if (!existsSync(path)) symlinkSync(relative(dirname(target), source), path)
  }
}

/** Installs the servers of package-lock.json once below `root`. The folder exists only when it is complete. */
const installFromNpm = async (root) => {
  const lock = readFileSync(join(HERE, 'package-lock.json'))
  const folder = join(
    root,
    'node_modules/.cache/postgres-matrix',
    createHash('sha256').update(lock).digest('hex').slice(0, 16),
  )
  if (existsSync(folder)) return folder
  const half = `${folder}.${process.pid}`
  mkdirSync(half, { recursive: true })
  try {
    for (const name of ['package.json', 'package-lock.json']) copyFileSync(join(HERE, name), join(half, name))
    await runStep('Installing PostgreSQL 14, 16 and 17', 'npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], {
      cwd: half,
      shell: process.platform === 'win32',
    })
    for (const major of MAJORS_OF_NPM) restoreSymlinks(join(half, `node_modules/postgres-${major}`))
    renameSync(half, folder)
  } finally {
    rmSync(half, { recursive: true, force: true })
  }
  return folder
}

const isKnownToApt = (name) => spawnSync('apt-cache', ['show', name], { stdio: 'ignore' }).status === 0

/**
 * The PostgreSQL of the distribution. It is built with LLVM; those from npm are not. `missing` says what to install.
 * @param {{ folder?: string, isKnown?: (name: string) => boolean }} system
 */
export const findDebian = ({ folder = DEBIAN, isKnown = isKnownToApt } = {}) => {
  const there = existsSync(folder) ? readdirSync(folder).map(Number) : []
  const major = MAJORS_OF_DEBIAN.find(
    (one) => there.includes(one) && existsSync(join(folder, String(one), 'bin/postgres')),
  )
  if (major === undefined) {
    const name = isKnown(`postgresql-${WANTED}`) ? `postgresql-${WANTED}` : 'postgresql'
    return { missing: `the distribution's PostgreSQL ${WANTED} is not in ${folder}: apt-get install ${name}` }
  }
  if (!existsSync(join(folder, String(major), 'lib/llvmjit.so'))) {
    return {
      missing: `the distribution's PostgreSQL ${major} cannot compile statements (JIT): apt-get install postgresql-${major}-jit`,
    }
  }
  return {
    major,
    name: `PostgreSQL ${major} of the distribution`,
    bin: join(folder, String(major), 'bin'),
    hasJit: true,
  }
}

/** The servers of the matrix, the oldest first, and one line for each that is missing. */
export const findServers = async (root) => {
  const missing = []
  const servers = []
  try {
    const folder = await installFromNpm(root)
    for (const major of MAJORS_OF_NPM)
      servers.push({
        major,
        name: `PostgreSQL ${major}`,
        bin: join(folder, `node_modules/postgres-${major}/native/bin`),
        hasJit: false,
      })
  } catch (error) {
    if (!(error instanceof StepFailed)) throw error
    missing.push(
      `PostgreSQL ${MAJORS_OF_NPM.join(', ')} of npm could not be installed: npm ci in ${relative(root, HERE)} (Linux on x64 only) says why:\n${error.lines.map((line) => `  ${line}`).join('\n')}`,
    )
  }
  const debian = findDebian()
  if ('missing' in debian) missing.push(debian.missing)
  else servers.push(debian)
  return { servers: servers.sort((a, b) => a.major - b.major), missing }
}
