import { describe, expect, it } from 'vitest'
import { versionsOf } from './etag.ts'

describe('If-Match', () => {
  it.each<[string | undefined, number[] | null]>([
    [undefined, null],
    ['*', null],
    [' * ', null],
    ['"3"', [3]],
    ['"3", "14"', [3, 14]],
    [' ,"3",, \t"4" ,', [3, 4]],
    ['W/"3"', []],
    ['W/"3", "4"', [4]],
    ['"abc"', []],
    ['""', []],
    ['"3,4", "5"', [5]],
    ['"03", "3.0", "-3", "0", "1e3"', []],
    ['"99999999999999999999", "2147483648"', []],
    ['"\xe9"', []],
  ])('%j names the versions %j', (header, versions) => {
    expect(versionsOf(header)).toEqual(versions)
  })

  it.each(['', ' ', ',', '3', 'w/"3"', '"3', '3"', '"3" "4"', '"3";', '"a"b', '*, "3"', "'3'", '"3", 4', '" 3"'])(
    '%j is refused, for an unreadable one must not be ignored',
    (header) => {
      expect(() => versionsOf(header)).toThrow(/^If-Match: must be .*double quotes/)
    },
  )
})
