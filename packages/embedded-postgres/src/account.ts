import { spawnSync } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'
import { EmbeddedError } from './embedded-error.ts'

/** The user that PostgreSQL runs under when Spark itself is root. */
export type Account = { name: string; uid: number; gid: number }

// PostgreSQL looks its user up by name, so a uid is not enough. On macOS the user is `_postgres`.
const CANDIDATES = ['postgres', '_postgres', 'nobody']

// On macOS, too, the system's own accounts are in this file; there the id of nobody is -2.
const passwd = (): Account[] =>
  readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .flatMap((line) => {
      const [name, , uid, gid] = line.split(':')
      return name && uid && gid && !name.startsWith('#') ? [{ name, uid: Number(uid) | 0, gid: Number(gid) | 0 }] : []
    })

export const unprivilegedAccount = (): Account => {
  const accounts = passwd()
  const found = CANDIDATES.map((name) => accounts.find((account) => account.name === name)).find(
    (account) => account && account.uid !== 0,
  )
  if (found) return found
  throw new EmbeddedError(
    `PostgreSQL refuses to run as root, and this system has none of the users ${CANDIDATES.join(', ')}: add one, start Spark as an ordinary user, or set DATABASE_URL.`,
  )
}

/** The owner of the database files; null when that is root, as after a copy made by root. */
export const accountOwning = (path: string): Account | null => {
  const stats = statSync(path)
  const [uid, gid] = [stats.uid | 0, stats.gid | 0]
  return uid === 0 ? null : { name: passwd().find((account) => account.uid === uid)?.name ?? String(uid), uid, gid }
}

/** Options of `spawn` that run a program as this account; null: as our own user. */
export const runAs = (account: Account | null): { uid?: number; gid?: number; cwd: string } =>
  account ? { uid: account.uid, gid: account.gid, cwd: '/' } : { cwd: '/' }

/** Tries it as that user: file modes alone do not show ACLs, mount options and the like. */
export const canEnter = (account: Account | null, folder: string): boolean =>
  spawnSync('/bin/sh', ['-c', 'cd "$1"', 'sh', folder], { ...runAs(account), stdio: 'ignore' }).status === 0
