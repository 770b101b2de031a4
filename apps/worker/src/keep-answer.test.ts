import { jsonText } from '@automagik-spark/core'
import { storableJson, storableText } from '@automagik-spark/db'
import { describe, expect, it } from 'vitest'
import { keepAnswer } from './keep-answer.ts'

const MAX = 20_000
const parsed = (text: string | null) => JSON.parse(text!) as Record<string, unknown>

describe('keepAnswer', () => {
  it('keeps a small answer whole in the row', () => {
    const { output, full_output } = keepAnswer({ result: 'hi', answer: jsonText({ outputs: [1] }), bytes: 30 }, MAX)
    expect(parsed(output)).toEqual({ result: 'hi', answer: { outputs: [1] } })
    expect(full_output).toBeNull()
  })

  it('keeps a larger one whole apart, and a short form in the row', () => {
    const text = 'x'.repeat(9_000)
    const { output, full_output } = keepAnswer({ result: text, answer: jsonText(null), bytes: 9_000 }, MAX)
    expect(parsed(full_output)).toEqual({ result: text, answer: null })
    expect(parsed(output)).toEqual({ result: 'x'.repeat(2_000), truncated: true, bytes: 9_000 })
  })

  it.each([
    ['plain text', 'x'],
    ['text that JSON escapes', '"'],
    ['text of several bytes a character', 'é'],
    ['text outside the first plane', '😀'],
    ['control characters', '\u0001'],
  ])('cuts what is over the limit to fit into it: %s', (_, unit) => {
    const text = unit.repeat(50_000)
    const { output, full_output } = keepAnswer({ result: text, answer: jsonText({ big: text }), bytes: 123_456 }, MAX)
    expect(Buffer.byteLength(full_output!)).toBeLessThanOrEqual(MAX)
    const { result, ...rest } = parsed(full_output)
    expect(rest).toEqual({ truncated: true, bytes: 123_456 })
    expect(text.startsWith(result as string)).toBe(true)
    expect((result as string).isWellFormed()).toBe(true)
    expect((result as string).length).toBeGreaterThan(MAX / 20)
    expect((parsed(output).result as string).isWellFormed()).toBe(true)
  })

  it('fits even where there is room for nearly nothing', () => {
    expect(
      Buffer.byteLength(keepAnswer({ result: 'x'.repeat(500), answer: jsonText({}), bytes: 500 }, 80).output),
    ).toBeLessThanOrEqual(80)
  })
})

describe('what PostgreSQL cannot keep becomes visible text', () => {
  it('in text', () => {
    expect(storableText('a\u0000b')).toBe('a\\u0000b')
    expect(storableText('a\ud83d b')).toBe('a\\ud83d b')
    expect(storableText('\ude00')).toBe('\\ude00')
    expect(storableText('😀')).toBe('😀')
  })

  it.each([['a\u0000b'], ['\ud83d'], ['\\u0000'], ['\\\u0000'], ['\\\\\ude00x'], ['😀 fine']])(
    'in JSON: %j',
    (value) => {
      const stored = JSON.parse(storableJson(JSON.stringify({ value }))) as { value: string }
      expect(stored.value).toBe(storableText(value))
      expect(stored.value.includes('\u0000')).toBe(false)
      expect(stored.value.isWellFormed()).toBe(true)
    },
  )
})
