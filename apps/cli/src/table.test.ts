import { describe, expect, it } from 'vitest'
import { type Column, details, localTime, makeOutput, makeProgress, printable, table } from './output.ts'

type Row = { id: string; name: string | null; at?: string | null }
const columns: Array<Column<Row>> = [
  { header: 'ID', value: ({ id }) => id },
  { header: 'NAME', value: ({ name }) => name, flexible: true },
  { header: 'AT', value: ({ at }) => at },
]
const AT = '2026-07-01T07:00:00.000Z'
const lisbon = (width?: number) => ({ timeZone: 'Europe/Lisbon', width })

describe('table', () => {
  it('aligns its columns and says nothing with a dash', () => {
    expect(
      table(
        columns,
        [
          { id: '1', name: 'long name', at: null },
          { id: '222', name: null },
        ],
        lisbon(),
      ),
    ).toBe('ID   NAME       AT\n1    long name  -\n222  -          -\n')
  })

  it('shows times in the zone, which it says once: in the header', () => {
    expect(table(columns, [{ id: '1', name: 'x', at: AT }], lisbon())).toBe(
      'ID  NAME  AT (Europe/Lisbon)\n1   x     2026-07-01 08:00:00\n',
    )
  })

  it('says the zone below the table on a terminal', () => {
    expect(table(columns, [{ id: '1', name: 'x', at: AT }], lisbon(80))).toBe(
      'ID  NAME  AT\n1   x     2026-07-01 08:00:00\nTimes: Europe/Lisbon\n',
    )
  })

  it('cuts what may be cut to the width of the terminal, and ids never', () => {
    expect(table(columns, [{ id: 'a'.repeat(20), name: 'n'.repeat(40) }], lisbon(40))).toBe(
      `ID${' '.repeat(20)}NAME${' '.repeat(12)}AT\n${'a'.repeat(20)}  ${'n'.repeat(13)}…  -\n`,
    )
    expect(table(columns, [{ id: 'a'.repeat(20), name: 'n'.repeat(40) }], lisbon(10))).toContain('a'.repeat(20))
  })

  it('cuts an answer to 200 characters where there is no terminal', () => {
    const lines = table(columns, [{ id: 'a'.repeat(300), name: 'n'.repeat(5000), at: AT }], lisbon()).split('\n')
    expect(lines[1]).toBe(`${'a'.repeat(300)}  ${'n'.repeat(199)}…  2026-07-01 08:00:00`)
  })

  it.each([
    ['Chinese', '日本語', 6],
    ['an emoji of several code points', '👩‍👩‍👧', 2],
    ['a letter and a mark on it', 'e\u0301', 1],
  ])('counts the cells that a terminal needs for %s', (_, name, cells) => {
    expect(table(columns, [{ id: '1', name }], lisbon())).toBe(
      `ID  NAME${' '.repeat(Math.max(0, cells - 4))}  AT\n1   ${name}${' '.repeat(Math.max(0, 4 - cells))}  -\n`,
    )
  })

  it('cuts between whole signs, and fills the cell that a wide one leaves', () => {
    const rows = [
      { id: '1', name: '日本語日本語' },
      { id: '2', name: 'e\u0301'.repeat(12) },
    ]
    expect(table(columns, rows, lisbon(15))).toBe(`ID  NAME      AT\n1   日本語…   -\n2   ${'e\u0301'.repeat(7)}…  -\n`)
  })

  it('does not measure what it cuts off: a megabyte of wide signs would take seconds', () => {
    const rows = Array.from({ length: 10 }, () => ({ id: '1', name: '日'.repeat(1_000_000) }))
    expect(table(columns, rows, lisbon(40)).split('\n')[1]).toBe(`1   ${'日'.repeat(15)}…   -`)
  })

  it('keeps a row on one line and the terminal as it is, whatever strangers call their flows', () => {
    expect(table(columns, [{ id: '1', name: 'two\nlines\u001b[2J\u0007' }], lisbon())).toContain(
      '1   two lines[2J  -\n',
    )
  })
})

describe('details', () => {
  it('has a line a field, values of any kind, and the zone at the first time', () => {
    expect(
      details(
        [
          ['id', '1'],
          ['warnings', []],
          ['liked', false],
          ['created_at', AT],
          ['updated_at', AT],
          ['name', null],
        ],
        'UTC',
      ),
    ).toBe(
      'id          1\nwarnings    []\nliked       false\ncreated_at  2026-07-01 07:00:00 (UTC)\nupdated_at  2026-07-01 07:00:00\nname        -\n',
    )
  })
})

it.each([
  ['UTC', '2026-01-31T00:00:00Z', '2026-01-31 00:00:00'],
  ['America/New_York', '2026-01-31T00:00:00Z', '2026-01-30 19:00:00'],
  ['Asia/Kolkata', '2026-01-31T00:00:00.999Z', '2026-01-31 05:30:00'],
])('in %s %s is %s', (zone, iso, expected) => {
  expect(localTime(iso, zone)).toBe(expected)
})

it('text keeps its lines and loses what would move the cursor', () => {
  expect(printable('a\tb\nc\u001b[31m\u009b2J\r')).toBe('a\tb\nc[31m2J')
})

it('an answer goes to a program as it is, and to a terminal without control characters', () => {
  const written: string[] = []
  const out = (isTTY: boolean) =>
    makeOutput({ stdout: { write: (text) => written.push(text), isTTY }, stderr: { write: () => {} }, timeZone: 'UTC' })
  out(false).text('\u001b[31mred')
  out(true).text('\u001b[31mred')
  expect(written).toEqual(['\u001b[31mred\n', '[31mred\n'])
})

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

  it('writes over one line of a terminal, and takes it away', () => {
    expect(record(true)).toEqual([
      '\r\u001b[2Kpending 0 s',
      '\r\u001b[2Kpending 1 s',
      '\r\u001b[2Ka stage that is lo…',
      '\r\u001b[2K',
    ])
  })
  it('writes a line for each new stage elsewhere', () => {
    expect(record(false)).toEqual(['pending\n', 'a stage that is long\n'])
  })
})
