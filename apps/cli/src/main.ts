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
  // Called only by commands that use the API: API and worker handle SIGINT themselves.
  interrupted: () => {
    if (!controller) {
      const made = (controller = new AbortController())
      process.once('SIGINT', () => made.abort())
    }
    return controller.signal
  },
}

let isServer = false
// The reader of our output, such as head, may have closed the pipe, or the disk is full. API and worker continue without it.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (isServer) return
  if (error.code === 'EPIPE') process.exit()
  process.stderr.write(`The output cannot be written: ${error.message}\n`)
  process.exit(1)
})
process.stderr.on('error', () => undefined)

// Imported on demand: the other commands need neither engine nor database, and start faster without them.
const loadCommands = async () => (await import('./run-local-commands.ts')).makeLocalCommands(process)
const loadServers = () => {
  isServer = true
  return loadCommands()
}
const localCommands: LocalCommands = {
  start: async (overrides) => (await loadServers()).start(overrides),
  apiStart: async (overrides) => (await loadServers()).apiStart(overrides),
  workerStart: async (overrides) => (await loadServers()).workerStart(overrides),
  dbMigrate: async () => (await loadCommands()).dbMigrate(),
  dbStatus: async () => (await loadCommands()).dbStatus(),
}

process.exitCode = await run(process.argv.slice(2), io, localCommands)
