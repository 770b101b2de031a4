import { availableParallelism, cpus, loadavg, totalmem } from 'node:os'
import { readOptions, USAGE } from './options.ts'
import type { Options } from './options.ts'
import { report } from './report.ts'
import type { Results } from './report.ts'
import { measureRuns } from './runs.ts'
import { measureSchedules } from './schedules.ts'
import { roundedAll } from './statistics.ts'
import { withSurroundings } from './surroundings.ts'
import { measureTasks } from './tasks.ts'

const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const

const optionsOf = (args: string[]): Options => {
  try {
    const options = readOptions(args)
    if (options !== 'help') return options
    process.stdout.write(`${USAGE}\n`)
    process.exit(0)
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${USAGE}\n`)
    process.exit(2)
  }
}

const options = optionsOf(process.argv.slice(2))
const progress = (line: string): void => void process.stderr.write(`… ${line}\n`)
const stopping = new AbortController()
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.on(name, () => {
    if (stopping.signal.aborted) process.exit(EXIT_CODES[name])
    process.exitCode = EXIT_CODES[name]
    stopping.abort(new Error(`stopped by ${name}`))
  })
}

const machine = { cpu: cpus()[0]?.model ?? 'unknown', cores: availableParallelism(), memory_gib: totalmem() / 2 ** 30, node: process.version }

try {
  const date = new Date().toISOString()
  const load_before = loadavg()[0] ?? Number.NaN
  const { version, results } = await withSurroundings({ signal: stopping.signal, cpuProf: options.cpuProf, progress }, async (surroundings) => {
    const measured: Results = {}
    const { version: running } = (await surroundings.spark.client.service.health()).services.api
    if (options.only.includes('tasks')) measured.tasks = await measureTasks(surroundings, options.seconds)
    if (options.only.includes('runs')) measured.runs = await measureRuns(surroundings, options.seconds)
    if (options.only.includes('schedules')) measured.schedules = await measureSchedules(surroundings, options.schedules)
    return { version: running, results: measured }
  })
  process.stdout.write(`\nSpark ${version}, Node ${machine.node}, ${machine.cores} cores (${machine.cpu}), load before ${load_before.toFixed(1)}, ${date}\n\n`)
  process.stdout.write(`${report(results)}\n\n`)
  process.stdout.write(`${JSON.stringify(roundedAll({ date, version, machine: { ...machine, load_before }, options, ...results }))}\n`)
} catch (error) {
  const stopped = stopping.signal.aborted
  process.stderr.write(`${stopped ? String((stopping.signal.reason as Error).message) : error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
  if (!stopped) process.exitCode = 1
}
