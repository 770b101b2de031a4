import { describe, expect, it } from 'vitest'
import { prettyJson } from './pretty.ts'
import { asJsonText, jsonText } from './text.ts'

describe('prettyJson', () => {
  it.each([[null], [1], ['a, "b": {}'], [[]], [{}], [[[], {}]], [{ a: [1, { b: 'x\n{' }], c: [] }]])(
    '%j is written as JSON.stringify does',
    (value) => {
      expect(prettyJson(jsonText(value))).toBe(JSON.stringify(value, null, 2))
      expect(prettyJson(asJsonText(JSON.stringify(value, null, 7)))).toBe(JSON.stringify(value, null, 2))
    },
  )
  it('keeps every digit, key and escape', () => {
    expect(
      prettyJson(asJsonText('{ "2":1.10,"1" :[ 1E400,-0 ],"a":1234567890123456789,"a":"\\u00e9\\/" , "e":{ } }')),
    ).toBe(
      '{\n  "2": 1.10,\n  "1": [\n    1E400,\n    -0\n  ],\n  "a": 1234567890123456789,\n  "a": "\\u00e9\\/",\n  "e": {}\n}',
    )
  })
})
