import { expect, it } from 'vitest'
import { isObject } from './is-object.ts'

it.each([
  ['an object', {}, true],
  ['an array', [], false],
  ['null', null, false],
  ['text', '{}', false],
  ['undefined', undefined, false],
])('says whether %s is a JSON object', (_, value, expected) => {
  expect(isObject(value)).toBe(expected)
})
