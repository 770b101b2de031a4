import { readdirSync, readFileSync } from 'node:fs'

/** Milliseconds of CPU that a server and PostgreSQL have used so far. */
export type Cpu = { node_ms: number; postgres_ms: number }

/** Linux counts in hundredths of a second on every machine that Node runs on. */
const TICK_MS = 10

type Stat = { parent: number; own: number; reaped: number }

const statOf = (pid: number): Stat | null => {
  let text: string
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'utf8')
  } catch {
    return null // it is gone
  }
  // The name before it may hold anything, spaces and brackets included.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ').map(Number)
  const [parent = 0, utime = 0, stime = 0, cutime = 0, cstime = 0] = [fields[1], ...fields.slice(11, 15)]
  return { parent, own: utime + stime, reaped: cutime + cstime }
}

/** Reads what a server process and PostgreSQL, all its backends included, have used. Null where the system doesn't tell. */
export const makeCpuMeter = (postgresBackend: number) => {
  const postmaster = process.platform === 'linux' ? statOf(postgresBackend)?.parent : undefined
  return (pid: number): Cpu | null => {
    const node = postmaster === undefined ? null : statOf(pid)
    if (!node || postmaster === undefined) return null
    const family = readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? (statOf(Number(name)) ?? []) : [])).filter(({ parent }) => parent === postmaster)
    const master = statOf(postmaster)
    const ticks = [...family.map(({ own }) => own), master?.own ?? 0, master?.reaped ?? 0].reduce((sum, part) => sum + part, 0)
    return { node_ms: node.own * TICK_MS, postgres_ms: ticks * TICK_MS }
  }
}
export type CpuMeter = ReturnType<typeof makeCpuMeter>
