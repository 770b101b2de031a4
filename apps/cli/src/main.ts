#!/usr/bin/env node
import { createInterface } from 'node:readline/promises'
import { run } from './cli.ts'
import type { LocalCommands } from './local-commands.ts'

let controller: AbortController | undefined

const io = {
  env: process.env,
  cwd: process.cwd(),
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  timeZone: Intl.DateTimeFormat().resolvedOptions().timeZone,
  ask: async (question: string) => {
    const signal = io.interrupted()
    const terminal = createInterface({ input: process.stdin, output: process.stderr })
    terminal.once('SIGINT', () => process.emit('SIGINT')) // at a prompt the terminal sends Ctrl-C as a key
    const closed = new Promise<string>((resolve) => terminal.once('close', () => resolve(''))) // by Ctrl-D
    try {
      return await Promise.race([terminal.question(question, { signal }), closed])
    } finally {
      terminal.close()
    }
  },
  // Only the commands that talk to the API ask for it: the processes have their own way to stop.
  interrupted: () => {
    if (!controller) {
      const made = (controller = new AbortController())
      process.once('SIGINT', () => made.abort())
    }
    return controller.signal
  },
}

let isProcess = false
// Whoever reads our output, such as head, may have had enough; or the disk is full. API and worker go on without it.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (isProcess) return
  if (error.code === 'EPIPE') process.exit()
  process.stderr.write(`The output cannot be written: ${error.message}\n`)
  process.exit(1)
})
process.stderr.on('error', () => undefined)

// Loaded when one of them is asked for: the other commands need neither engine nor database.
const product = async () => (await import('./run-local-commands.ts')).makeLocalCommands(process)
const lasting = () => {
  isProcess = true
  return product()
}
const processes: LocalCommands = {
  start: async (overrides) => (await lasting()).start(overrides),
  apiStart: async (overrides) => (await lasting()).apiStart(overrides),
  workerStart: async (overrides) => (await lasting()).workerStart(overrides),
  dbMigrate: async () => (await product()).dbMigrate(),
  dbStatus: async () => (await product()).dbStatus(),
}

process.exitCode = await run(process.argv.slice(2), io, processes)
