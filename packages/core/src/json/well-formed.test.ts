import { expect, it } from 'vitest'
import { wellFormedJson } from './well-formed.ts'

it.each([
  ['half a pair, the first', 'a\ud83d', '"a\\ufffd"'],
  ['half a pair, the second', '\ude00b', '"\\ufffdb"'],
  ['the halves of a pair the wrong way round', '\ude00\ud83d', '"\\ufffd\\ufffd"'],
  ['a key', { '\ud800': '\udfff' }, '{"\\ufffd":"\\ufffd"}'],
  ['a whole pair stays', '😀', '"😀"'],
  ['the text of an escape stays', '\\ud83d', '"\\\\ud83d"'],
  ['both beside each other', '\\\ud83d\n"', '"\\\\\\ufffd\\n\\""'],
  ['any other text stays', { a: [1, null, 'é\u0000'] }, '{"a":[1,null,"é\\u0000"]}'],
])('%s', (_, value, text) => {
  expect(wellFormedJson(value)).toBe(text)
  expect(JSON.stringify(JSON.parse(text))).not.toMatch(/[^\\](\\\\)*\\ud[89a-f]/)
})
