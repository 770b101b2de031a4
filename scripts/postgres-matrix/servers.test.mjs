import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { findDebian } from './servers.mjs'

let folder
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'spark-servers-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const install = (major, { jit = true } = {}) => {
  for (const part of ['bin', 'lib']) mkdirSync(join(folder, String(major), part), { recursive: true })
  writeFileSync(join(folder, String(major), 'bin/postgres'), '')
  chmodSync(join(folder, String(major), 'bin/postgres'), 0o755)
  if (jit) writeFileSync(join(folder, String(major), 'lib/llvmjit.so'), '')
}

describe("the distribution's PostgreSQL", () => {
  it('is 15 where it is installed, else another version that compiles statements', () => {
    install(17)
    expect(findDebian({ folder })).toMatchObject({ major: 17, hasJit: true })
    install(15)
    expect(findDebian({ folder })).toMatchObject({ major: 15, bin: join(folder, '15/bin') })
  })

  it('is reported with the command that installs it when it is missing', () => {
    expect(findDebian({ folder, isKnown: () => true }).missing).toBe(
      `the distribution's PostgreSQL 15 is not in ${folder}: apt-get install postgresql-15`,
    )
    expect(findDebian({ folder, isKnown: () => false }).missing).toMatch(/apt-get install postgresql$/)
    expect(findDebian({ folder: join(folder, 'none'), isKnown: () => true }).missing).toMatch(
      /apt-get install postgresql-15$/,
    )
  })

  it('is reported with the package of its compiler when that is missing', () => {
    install(17, { jit: false })
    expect(findDebian({ folder }).missing).toMatch(/JIT.*apt-get install postgresql-17-jit$/)
  })
})
