import { createHash, randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, isAbsolute, join } from 'node:path'
import { getuid, kill } from 'node:process'

type Env = Record<string, string | undefined>

/**
 * A running Spark is noted in the user's own files, too. What a data directory says of itself proves nothing: it may have come with a cloned
 * repository, and name an address that waits for keys. Only the environment of the process says where these files are, never a `.env`.
 */
const noteOf = (env: Env, dataDir: string): { file: string; place: string } => {
  const given = env.XDG_STATE_HOME?.trim() ?? ''
  const state = isAbsolute(given) ? given : join(env.HOME?.trim() || homedir(), '.local', 'state')
  const place = realpathSync(dataDir)
  return {
    file: join(
      state,
      'automagik-spark',
      'running',
      `${createHash('sha256').update(place).digest('hex').slice(0, 32)}.json`,
    ),
    place,
  }
}

/** Notes that this process is the Spark of a data directory. Where that cannot be written, as without a home, clients set address and key. */
export const noteRunning = (
  env: Env,
  { dataDir, url, pid }: { dataDir: string; url: string; pid: number },
): (() => void) => {
  try {
    const { file, place } = noteOf(env, dataDir)
    const text = JSON.stringify({ data_dir: place, url, pid })
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
    const half = `${file}.${randomBytes(6).toString('hex')}`
    writeFileSync(half, text, { mode: 0o600, flag: 'wx' })
    renameSync(half, file)
    return () => {
      if (readNote(file) === text) rmSync(file, { force: true })
    }
  } catch {
    return () => undefined
  }
}

/** Whether the address is that of a Spark that this user runs on this data directory, at this moment. */
export const isRunning = (env: Env, { dataDir, url }: { dataDir: string; url: string }): boolean => {
  try {
    const { file, place } = noteOf(env, dataDir)
    if (getuid !== undefined && statSync(file).uid !== getuid()) return false
    const note: unknown = JSON.parse(readNote(file))
    if (typeof note !== 'object' || note === null || !('data_dir' in note && 'url' in note && 'pid' in note))
      return false
    return (
      note.data_dir === place && note.url === url && typeof note.pid === 'number' && note.pid > 0 && kill(note.pid, 0)
    )
  } catch {
    return false // no note, or its process is gone
  }
}

const readNote = (file: string): string => {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
