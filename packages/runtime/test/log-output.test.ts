import { execFileSync } from 'node:child_process'
import { closeSync, constants, mkdtempSync, openSync, readFileSync, readSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { until } from '@automagik-spark/testing'
import { afterAll, describe, expect, it, onTestFinished } from 'vitest'
import { makeLogOutput } from '../src/log/output.ts'

const dir = mkdtempSync(join(tmpdir(), 'spark-log-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))
const opened = (path: string, flags: number): number => {
  const fd = openSync(path, flags)
  onTestFinished(() => closeSync(fd))
  return fd
}
const told = (lost: number) => `lost ${lost}\n`
const pipe = (name: string): string => {
  const path = join(dir, name)
  execFileSync('mkfifo', [path])
  return path
}
const { O_RDONLY, O_RDWR, O_WRONLY, O_NONBLOCK, O_CREAT } = constants
/** All that lies in a pipe. */
const readAll = (fd: number): string => {
  const buffer = Buffer.alloc(64 * 1024)
  let text = ''
  for (;;) {
    try {
      const bytes = readSync(fd, buffer)
      if (bytes === 0) return text
      text += buffer.toString('utf8', 0, bytes)
    } catch {
      return text
    }
  }
}

describe('a log', () => {
  it('is written in order', async () => {
    const path = join(dir, 'file')
    const output = makeLogOutput(opened(path, O_WRONLY | O_CREAT), told)
    const lines = Array.from({ length: 5_000 }, (_, at) => `line ${at}\n`)
    for (const line of lines) output.write(line)
    await output.drain()
    expect(readFileSync(path, 'utf8')).toBe(lines.join(''))
  })
  it('is written at the very end too, when nothing runs in the background any more', () => {
    const path = join(dir, 'last')
    const output = makeLogOutput(opened(path, O_WRONLY | O_CREAT), told)
    for (let i = 0; i < 3; i++) output.write(`line ${i}\n`)
    output.writeLast()
    expect(readFileSync(path, 'utf8')).toContain('line 1\nline 2\n') // the first may be on its way in the background
  })
  it('whose disk is full loses its lines, and nobody waits', async () => {
    const output = makeLogOutput(opened('/dev/full', O_WRONLY), told)
    for (let i = 0; i < 100; i++) output.write('x\n')
    await output.drain()
    output.write('x\n')
    output.writeLast()
  })
  it('whose reader is gone loses its lines, and tells how many when there is one again', async () => {
    const path = pipe('gone')
    const reader = openSync(path, O_RDONLY | O_NONBLOCK)
    const output = makeLogOutput(opened(path, O_WRONLY | O_NONBLOCK), told)
    output.write('one\n')
    await output.drain()
    expect(readAll(reader)).toBe('one\n')
    closeSync(reader)
    output.write('two\n')
    await output.drain()
    output.write('three\n')
    await output.drain()
    const again = opened(path, O_RDONLY | O_NONBLOCK)
    output.write('four\n')
    await output.drain()
    expect(readAll(again)).toBe('lost 2\nfour\n')
  })
  it('whose reader is slow keeps what fits into memory, and is written when the reader goes on', async () => {
    const path = pipe('slow')
    const reader = opened(path, O_RDONLY | O_NONBLOCK)
    const output = makeLogOutput(opened(path, O_RDWR), told)
    const line = `${'x'.repeat(1023)}\n`
    for (let i = 0; i < 20_000; i++) output.write(line)
    let read = ''
    await until(
      async () => (read += readAll(reader)),
      (text) => text.length >= 8 * 1024 * 1024,
    )
    output.write('last\n')
    await until(
      async () => (read += readAll(reader)),
      (text) => text.endsWith('last\n'),
    )
    expect(
      read
        .replaceAll(line, '')
        .split('\n')
        .filter((one) => !one.startsWith('lost ')),
    ).toEqual(['last', ''])
    const lost = [...read.matchAll(/lost (\d+)/g)].reduce((sum, [, count]) => sum + Number(count), 0)
    expect(read.split(line).length - 1 + lost).toBe(20_000)
  })
})
