import { afterEach, describe, expect, it, vi } from 'vitest'
import { runChecks } from './checks.mjs'

const check = (title, code) => [title, '-e', code]

describe('runChecks', () => {
  afterEach(() => vi.restoreAllMocks())

  it('counts what holds and what fails, and prints what each failed check said', async () => {
    vi.spyOn(process.stdout, 'write').mockReturnValue(true)
    const said = vi.spyOn(console, 'log').mockReturnValue()
    const checks = [
      check('fails', 'console.log("line 1 is wrong"); process.exit(1)'),
      check('holds', ''),
      check('holds, too', ''),
    ]
    expect(await runChecks(process.cwd(), { checks, atOnce: 2 })).toEqual({ passed: 2, failed: 1 })
    expect(said.mock.calls.flat().join('\n')).toMatch(/^fails: failed after \d+ s \(exit code 1\)\n {2}line 1 is wrong/)
  })
})
