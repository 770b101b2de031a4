import { expect, it } from 'vitest'
import { makePrinter } from './printer.ts'

it('text goes to a program unchanged, and to a terminal without control characters', () => {
  const written: string[] = []
  const out = (isTTY: boolean) =>
    makePrinter({
      stdout: { write: (text) => written.push(text), isTTY },
      stderr: { write: () => {} },
      timeZone: 'UTC',
    })
  out(false).text('\u001b[31mred')
  out(true).text('\u001b[31mred')
  expect(written).toEqual(['\u001b[31mred\n', '[31mred\n'])
})
