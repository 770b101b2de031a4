import { createHash, randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, isAbsolute, join } from 'node:path'
import { getuid, kill } from 'node:process'

type Env = Record<string, string | undefined>

/**
 * Where the PID file of a data directory is: in the state directory of the user, not in the data directory. A data directory proves
 * nothing about itself: it may come with a cloned repository and name an address that collects keys. For the same reason only the
 * environment of the process chooses the state directory, never a `.env` file.
 */
const pidFileOf = (env: Env, dataDir: string): { file: string; realDataDir: string } => {
  const given = env.XDG_STATE_HOME?.trim() ?? ''
  const stateDir = isAbsolute(given) ? given : join(env.HOME?.trim() || homedir(), '.local', 'state')
  const realDataDir = realpathSync(dataDir)
  const name = createHash('sha256').update(realDataDir).digest('hex').slice(0, 32)
  return { file: join(stateDir, 'automagik-spark', 'running', `${name}.json`), realDataDir }
}

/**
 * Records that this process is the Spark of a data directory; the result removes the record. Does nothing where the file cannot be
 * written, for example without a home directory: then clients must set address and key themselves.
 */
export const writePidFile = (
  env: Env,
  { dataDir, url, pid }: { dataDir: string; url: string; pid: number },
): (() => void) => {
  try {
    const { file, realDataDir } = pidFileOf(env, dataDir)
    const text = JSON.stringify({ data_dir: realDataDir, url, pid })
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
    const temporary = `${file}.${randomBytes(6).toString('hex')}`
    writeFileSync(temporary, text, { mode: 0o600, flag: 'wx' })
    renameSync(temporary, file)
    return () => {
      if (readPidFile(file) === text) rmSync(file, { force: true }) // a later process may have replaced it
    }
  } catch {
    return () => undefined
  }
}

/** Whether this user now runs a Spark on this data directory at this address. */
export const isRunning = (env: Env, { dataDir, url }: { dataDir: string; url: string }): boolean => {
  try {
    const { file, realDataDir } = pidFileOf(env, dataDir)
    if (getuid !== undefined && statSync(file).uid !== getuid()) return false
    const record: unknown = JSON.parse(readPidFile(file))
    if (typeof record !== 'object' || record === null || !('data_dir' in record && 'url' in record && 'pid' in record))
      return false
    const { data_dir, url: recordedUrl, pid } = record
    return data_dir === realDataDir && recordedUrl === url && typeof pid === 'number' && pid > 0 && kill(pid, 0)
  } catch {
    return false // there is no file, or its process has ended
  }
}

const readPidFile = (file: string): string => {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
