import { expect, it } from 'vitest'
import { printable } from './terminal-text.ts'

it('printable text keeps its lines and loses control characters', () => {
  expect(printable('a\tb\nc\u001b[31m\u009b2J\r')).toBe('a\tb\nc[31m2J')
})
