import { spawn } from 'node:child_process'
import { performance } from 'node:perf_hooks'
import { createInterface } from 'node:readline'
import { clearInterval, setInterval } from 'node:timers'
import util from 'node:util' // not by names: an old Node lacks some, and must get as far as requireNode
import { EXIT_CODES, onSignal } from './signals.mjs'

const KEPT_LINES = 400
const TERMINAL_TICK_MS = 200
const PLAIN_TICK_MS = 10_000

export class StepFailed extends Error {
  constructor({ title, how, seconds, lines }) {
    super(`${title}: failed after ${seconds} s (${how})`)
    this.name = 'StepFailed'
    this.lines = lines
  }
}

const elapsed = (since) => Math.round((performance.now() - since) / 1000)

/** The steps that run now. On a terminal they share the last line, which is written over. */
const running = new Set()
const writeLine = () => {
  const text = [...running].map((step) => `${step.title} … ${elapsed(step.since)} s  ${step.tail}`).join('  ')
  process.stdout.write(`\r\u001b[2K${text.slice(0, (process.stdout.columns ?? 80) - 1)}`)
}

/** Elsewhere than on a terminal: a new line when the step starts, and every ten seconds. */
const showProgress = (title) => {
  const out = process.stdout
  const step = { title, since: performance.now(), tail: '' }
  running.add(step)
  if (out.isTTY) writeLine()
  else out.write(`${title} …\n`)
  const timer = setInterval(
    out.isTTY ? writeLine : () => out.write(`${title} … ${elapsed(step.since)} s\n`),
    out.isTTY ? TERMINAL_TICK_MS : PLAIN_TICK_MS,
  )
  return {
    seconds: () => elapsed(step.since),
    note: (line) => (step.tail = line.trim()),
    end(result) {
      clearInterval(timer)
      running.delete(step)
      if (out.isTTY) out.write('\r\u001b[2K')
      if (result) out.write(`${title}: ${result}\n`)
      if (out.isTTY && running.size > 0) writeLine()
    },
  }
}

/** Runs a tool and shows progress instead of its output. Rejects with StepFailed, which has the last lines. A signal ends the tool and this process. */
export const runStep = (title, command, args, { cwd, env = process.env, shell = false }) =>
  new Promise((resolve, reject) => {
    const progress = showProgress(title)
    const lines = []
    const fail = (how) => {
      progress.end()
      reject(new StepFailed({ title, how, seconds: progress.seconds(), lines }))
    }
    const child = spawn(command, args, {
      cwd,
      env,
      shell,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: process.platform !== 'win32',
    })
    let stopped = null
    const stop = onSignal((signal) => {
      stopped = stopped ?? signal
      try {
        // The whole process group.
        if (process.platform === 'win32') child.kill(signal)
        else process.kill(-child.pid, signal)
      } catch {
        // it has ended already
      }
    })
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        const text = util.stripVTControlCharacters(line).trimEnd()
        if (text === '') return
        lines.push(text)
        if (lines.length > KEPT_LINES) lines.shift()
        progress.note(text)
      })
    }
    child.once('error', (error) => {
      stop()
      fail(error.message)
    })
    child.once('close', (code, signal) => {
      stop()
      if (stopped) {
        progress.end(`stopped after ${progress.seconds()} s`)
        process.exit(EXIT_CODES[stopped])
      }
      if (code === 0) {
        progress.end(`done in ${progress.seconds()} s`)
        resolve()
      } else fail(signal ? `ended by ${signal}` : `exit code ${code}`)
    })
  })
