import { spawn } from 'node:child_process'
import { EXIT_CODES, onSignal } from './signals.mjs'

const TETHER = new URL('./tether.mjs', import.meta.url).href

/** Runs a Node program on our terminal and resolves with its exit code. It gets each signal once, and ends when this process is gone. */
export const runInForeground = (args, { cwd, env = process.env }) =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--import', TETHER, ...args], {
      cwd,
      env,
      stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
      detached: process.platform !== 'win32', // there it would open a window
    })
    const stop = onSignal((signal) => child.kill(signal))
    child.once('error', reject)
    child.once('exit', (code, signal) => {
      stop()
      resolve(code ?? EXIT_CODES[signal] ?? 1)
    })
  })
