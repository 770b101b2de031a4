import { availableParallelism, cpus, loadavg, totalmem } from 'node:os'
import type { Options } from './options.ts'
import { readOptions, usage } from './options.ts'
import type { Bench, Target } from './part.ts'
import { PARTS } from './parts.ts'
import { withStack } from './stack.ts'
import { roundedAll } from './statistics.ts'
import { targetsTable } from './targets.ts'

const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const
const NAMES = PARTS.map(({ name }) => name)

const optionsOf = (args: string[]): Options => {
  try {
    const options = readOptions(args, NAMES)
    if (options !== 'help') return options
    process.stdout.write(`${usage(NAMES)}\n`)
    process.exit(0)
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${usage(NAMES)}\n`)
    process.exit(2)
  }
}

const options = optionsOf(process.argv.slice(2))
const progress = (line: string): void => void process.stderr.write(`… ${line}\n`)
const print = (text: string): void => void process.stdout.write(`${text}\n\n`)
const stopping = new AbortController()
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.on(name, () => {
    if (stopping.signal.aborted) process.exit(EXIT_CODES[name])
    process.exitCode = EXIT_CODES[name]
    stopping.abort(new Error(`stopped by ${name}`))
  })
}

const loadNow = (): number => loadavg()[0] ?? Number.NaN
const machine = {
  cpu: cpus()[0]?.model ?? 'unknown',
  cores: availableParallelism(),
  memory_gib: totalmem() / 2 ** 30,
  node: process.version,
}
let version: string | undefined
const bench: Bench = {
  options,
  progress,
  signal: stopping.signal,
  open: (setup, work) =>
    withStack({ ...setup, signal: stopping.signal, cpuProf: options.cpuProf, progress }, async (stack) => {
      version ??= (await stack.spark.client.service.health()).services.api.version
      return work(stack)
    }),
}

const date = new Date().toISOString()
const load_before = loadNow()
const results: Record<string, unknown> = {}
const targets: Target[] = []
try {
  for (const { name, measure } of PARTS.filter((part) => options.only.includes(part.name))) {
    const measured = await measure(bench)
    results[name] = measured.result
    targets.push(...measured.targets)
    print(measured.text) // at once, so that a benchmark that is stopped has shown its finished parts
  }
} catch (error) {
  const stopped = stopping.signal.aborted
  process.stderr.write(
    `${stopped ? String((stopping.signal.reason as Error).message) : error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
  )
  if (!stopped) process.exitCode = 1
}

// Also when a later part failed or was stopped: the finished parts are worth reading.
if (Object.keys(results).length > 0) {
  if (targets.length > 0) print(targetsTable(targets))
  const load_after = loadNow()
  print(
    `Spark ${version ?? ''}, Node ${machine.node}, ${machine.cores} cores (${machine.cpu}), load ${load_before.toFixed(1)} before and ${load_after.toFixed(1)} after, ${date}`,
  )
  process.stdout.write(
    `${JSON.stringify(roundedAll({ date, version, machine: { ...machine, load_before, load_after }, options, ...results, targets }))}\n`,
  )
}
