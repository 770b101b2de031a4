import { readdirSync, readFileSync } from 'node:fs'
import { sum } from './statistics.ts'

/** Milliseconds of CPU that a server and PostgreSQL have used so far. */
export type Cpu = { node_ms: number; postgres_ms: number }

/** Linux counts CPU in hundredths of a second on every machine that Node runs on. */
const TICK_MS = 10

/** Milliseconds: its own, and those of its children that have ended. */
type Stat = { parent: number; own: number; reaped: number }

const statOf = (pid: number): Stat | null => {
  let text: string
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'utf8')
  } catch {
    return null // it has ended
  }
  // The program's name comes first and may contain anything, spaces and brackets included.
  const fields = text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number)
  const [parent = 0, utime = 0, stime = 0, cutime = 0, cstime = 0] = [fields[1], ...fields.slice(11, 15)]
  return { parent, own: (utime + stime) * TICK_MS, reaped: (cutime + cstime) * TICK_MS }
}

/** To the nanosecond, but only for a process with one thread. A dozen backends rounded to ticks would hide the cost of an idle minute. */
const exactMsOf = (pid: number): number | null => {
  try {
    return Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[0]) / 1e6
  } catch {
    return null
  }
}

/** Reads the CPU of these processes and of PostgreSQL with all its backends. Null on systems other than Linux. */
export const makeCpuMeter = (postgresBackend: number) => {
  const postmaster = process.platform === 'linux' ? statOf(postgresBackend)?.parent : undefined
  return (...pids: number[]): Cpu | null => {
    if (postmaster === undefined) return null
    const servers = pids.map(statOf)
    const backends = readdirSync('/proc').flatMap((name) => {
      const stat = /^\d+$/.test(name) ? statOf(Number(name)) : null
      return stat?.parent === postmaster ? [exactMsOf(Number(name)) ?? stat.own] : []
    })
    const master = statOf(postmaster)
    if (!master || servers.includes(null)) return null
    return {
      node_ms: sum(servers.map((server) => server?.own ?? 0)),
      postgres_ms: sum([...backends, master.own, master.reaped]),
    }
  }
}
export type CpuMeter = ReturnType<typeof makeCpuMeter>

/** CPU used between two readings. */
export const cpuBetween = (before: Cpu | null, after: Cpu | null): Cpu | null =>
  before && after && { node_ms: after.node_ms - before.node_ms, postgres_ms: after.postgres_ms - before.postgres_ms }
