import { spawnSync } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'
import { EmbeddedError } from './embedded-error.ts'

/** The user that PostgreSQL runs under when Spark itself is root. */
export type Account = { name: string; uid: number; gid: number }

// PostgreSQL looks its user up by name, so a bare uid will not do. macOS calls its own `_postgres`.
const CANDIDATES = ['postgres', '_postgres', 'nobody']

// The system's own accounts stand in this file on macOS too, where nobody's id is -2.
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

/** Whoever made the database goes on owning it; null when that was root, as after a copy made by root. */
export const accountOwning = (path: string): Account | null => {
  const stats = statSync(path)
  const [uid, gid] = [stats.uid | 0, stats.gid | 0]
  return uid === 0 ? null : { name: passwd().find((account) => account.uid === uid)?.name ?? String(uid), uid, gid }
}

/** What spawn needs so that a program runs as this account; nothing for the user we are. */
export const runAs = (account: Account | null): { uid?: number; gid?: number; cwd: string } =>
  account ? { uid: account.uid, gid: account.gid, cwd: '/' } : { cwd: '/' }

/** Asked of the kernel as that user: modes alone miss ACLs, mount options and the like. */
export const canEnter = (account: Account | null, folder: string): boolean =>
  spawnSync('/bin/sh', ['-c', 'cd "$1"', 'sh', folder], { ...runAs(account), stdio: 'ignore' }).status === 0
