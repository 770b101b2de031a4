import { describe, expect, it } from 'vitest'
import { makeProgress } from './progress.ts'

describe('progress', () => {
  const record = (isTTY: boolean) => {
    const written: string[] = []
    const progress = makeProgress({ stderr: { write: (text) => written.push(text), isTTY, columns: 20 } })
    progress.update('pending', '0 s')
    progress.update('pending', '1 s')
    progress.update('a stage that is long', '2 s')
    progress.clear()
    return written
  }

  it('overwrites one line on a terminal, and clears it at the end', () => {
    expect(record(true)).toEqual([
      '\r\u001b[2Kpending 0 s',
      '\r\u001b[2Kpending 1 s',
      '\r\u001b[2Ka stage that is lo…',
      '\r\u001b[2K',
    ])
  })
  it('writes one line for each new stage elsewhere', () => {
    expect(record(false)).toEqual(['pending\n', 'a stage that is long\n'])
  })
})
