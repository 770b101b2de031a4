import { randomBytes } from 'node:crypto'
import { chmod, link, mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { getuid, platform } from 'node:process'
import { KEY_BYTES, parseEncryptionKey } from '@automagik-spark/engine'

/** The data directory cannot be used. The message names the file and how to fix it. */
export class DataDirError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'DataDirError'
  }
}

export type StoredKey<T> = {
  value: T
  /** True when this call made it: print it now. */
  created: boolean
  file: string
}

export type DataDir = {
  /** Absolute. */
  dir: string
  /** The directory was empty: this Spark is new. */
  isNew: boolean
  /** Made on the first call; concurrent processes get the same. Call it only where the key is used: it is printed once. */
  apiKey(): Promise<StoredKey<string>>
  encryptionKey(): Promise<StoredKey<Uint8Array>>
}

type Options = {
  dir: string
  /** Fills the bytes from a cryptographic source. */
  random: (bytes: Uint8Array) => Uint8Array
  /** Gets a sentence when other users had access that was taken away. */
  warn?: (message: string) => void
}

const PRIVATE = 0o600
const BY_OTHERS = { read: 0o077, write: 0o022 }
const API_KEY_FILE = 'api-key'
const API_URL_FILE = 'api-url'
const API_KEY_FORM = /^[\x21-\x7e]{16,512}$/

/** Opens SPARK_DATA_DIR; makes it when it does not exist. */
export const openDataDir = async ({ dir: given, random, warn = () => {} }: Options): Promise<DataDir> => {
  const dir = resolve(given)
  let isNew: boolean
  try {
    // Started as root, PostgreSQL runs under its own user, which must pass through this folder but may not list it.
    await mkdir(dir, { recursive: true, mode: getuid?.() === 0 ? 0o711 : 0o700 })
    isNew = (await readdir(dir)).every((name) => name.startsWith('.') || name === 'lost+found') // a fresh volume has it
    await writeFile(join(dir, '.gitignore'), '*\n', { flag: 'wx' }).catch(unless('EEXIST'))
  } catch (cause) {
    throw new DataDirError(
      `The data directory ${dir} cannot be made or written (${codeOf(cause)}): choose another with SPARK_DATA_DIR.`,
      { cause },
    )
  }
  await withdraw(dir, 'write', warn)

  const key = async <T>(
    name: string,
    make: () => string,
    parse: (text: string) => T | null,
    wayOut: string,
  ): Promise<StoredKey<T>> => {
    const file = join(dir, name)
    const before = await readIfThere(file)
    const created = before === null && (await writeOnce(file, `${make()}\n`))
    const value = parse((before ?? (await readIfThere(file)) ?? '').trim())
    if (value === null) throw new DataDirError(`${file} is damaged: it holds no key. ${wayOut}`)
    await withdraw(file, 'read', warn)
    return { value, created, file }
  }

  return {
    dir,
    isNew,
    apiKey: () =>
      key(
        API_KEY_FILE,
        () => `spark_${Buffer.from(random(new Uint8Array(32))).toString('base64url')}`,
        (text) => (API_KEY_FORM.test(text) ? text : null),
        'Restore it from a backup, or remove it: the next start makes a new key, which clients then need.',
      ),
    encryptionKey: () =>
      key(
        'encryption-key',
        () => Buffer.from(random(new Uint8Array(KEY_BYTES))).toString('base64'),
        parseEncryptionKey,
        'Restore it from a backup: without it the API keys of sources cannot be decrypted. If there is none, remove it, start again and set those keys anew.',
      ),
  }
}

/** Writes the URL of the running API for the CLI. The returned function removes it, unless another process has replaced it. */
export const writeApiUrl = async (dir: string, url: string): Promise<() => Promise<void>> => {
  const file = join(dir, API_URL_FILE)
  const half = await writeHalf(file, `${url}\n`)
  await rename(half, file)
  return async () => {
    if ((await readIfThere(file))?.trim() === url) await rm(file, { force: true })
  }
}

const readIfThere = async (file: string): Promise<string | null> => {
  try {
    return await readFile(file, 'utf8')
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return null
    throw new DataDirError(
      `${file} cannot be read (${codeOf(cause)}): start Spark as the user who owns it, or choose another SPARK_DATA_DIR.`,
      { cause },
    )
  }
}

/** Makes a file atomically. False when another process made it first. */
const writeOnce = async (file: string, text: string): Promise<boolean> => {
  const half = await writeHalf(file, text)
  try {
    // Unlike a rename, a link never replaces a file.
    await link(half, file)
    await syncFolder(dirname(file))
    return true
  } catch (cause) {
    if (codeOf(cause) === 'EEXIST') return false
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EISDIR'].includes(codeOf(cause))) throw cannotWrite(file, cause)
  } finally {
    await rm(half, { force: true })
  }
  // The file system has no hard links, such as exFAT.
  try {
    await writeFile(file, text, { flag: 'wx', mode: PRIVATE, flush: true })
    return true
  } catch (cause) {
    if (codeOf(cause) === 'EEXIST') return false
    throw cannotWrite(file, cause)
  }
}

const writeHalf = async (file: string, text: string): Promise<string> => {
  const half = `${file}.${randomBytes(6).toString('hex')}`
  try {
    await writeFile(half, text, { flag: 'wx', mode: PRIVATE, flush: true })
    return half
  } catch (cause) {
    await rm(half, { force: true })
    throw cannotWrite(file, cause)
  }
}

const cannotWrite = (file: string, cause: unknown): DataDirError =>
  new DataDirError(
    `${file} cannot be written (${codeOf(cause)}): make room and allow it, or choose another SPARK_DATA_DIR.`,
    { cause },
  )

/** Makes the name survive a power cut. Windows has nothing like it. */
const syncFolder = async (folder: string): Promise<void> => {
  const handle = await open(folder).catch(() => null)
  await handle?.sync().catch(() => {})
  await handle?.close()
}

/** Removes the rights of other users on a path. */
const withdraw = async (path: string, what: keyof typeof BY_OTHERS, warn: (message: string) => void): Promise<void> => {
  if (platform === 'win32') return // modes mean nothing there
  const { mode } = await stat(path)
  if ((mode & BY_OTHERS[what]) === 0) return
  const could = `${path} could be ${what === 'read' ? 'read' : 'written'} by other users of this machine`
  try {
    await chmod(path, mode & 0o777 & ~BY_OTHERS[what])
    warn(`${could} until now`)
  } catch (cause) {
    warn(
      `${could}, and this user cannot forbid it (${codeOf(cause)}): chmod ${what === 'read' ? 'go-rwx' : 'go-w'} ${path}`,
    )
  }
}

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? String(error) // the file system throws these

const unless = (code: string) => (error: unknown) => {
  if (codeOf(error) !== code) throw error
}
