import { describe, expect, it } from 'vitest'
import { type Column, details, localTime, table } from './table.ts'

type Row = { id: string; name: string | null; at?: string | null }
const columns: Array<Column<Row>> = [
  { header: 'ID', value: ({ id }) => id },
  { header: 'NAME', value: ({ name }) => name, flexible: true },
  { header: 'AT', value: ({ at }) => at },
]
const AT = '2026-07-01T07:00:00.000Z'
const lisbon = (width?: number) => ({ timeZone: 'Europe/Lisbon', width })

describe('table', () => {
  it('aligns its columns and shows a dash for an empty value', async () => {
    expect(
      await table(
        columns,
        [
          { id: '1', name: 'long name', at: null },
          { id: '222', name: null },
        ],
        lisbon(),
      ),
    ).toBe('ID   NAME       AT\n1    long name  -\n222  -          -\n')
  })

  it('shows times in the time zone and names the zone once, in the header', async () => {
    expect(await table(columns, [{ id: '1', name: 'x', at: AT }], lisbon())).toBe(
      'ID  NAME  AT (Europe/Lisbon)\n1   x     2026-07-01 08:00:00\n',
    )
  })

  it('names the zone below the table on a terminal', async () => {
    expect(await table(columns, [{ id: '1', name: 'x', at: AT }], lisbon(80))).toBe(
      'ID  NAME  AT\n1   x     2026-07-01 08:00:00\nTimes: Europe/Lisbon\n',
    )
  })

  it('cuts flexible columns to the width of the terminal, but never ids', async () => {
    expect(await table(columns, [{ id: 'a'.repeat(20), name: 'n'.repeat(40) }], lisbon(40))).toBe(
      `ID${' '.repeat(20)}NAME${' '.repeat(12)}AT\n${'a'.repeat(20)}  ${'n'.repeat(13)}…  -\n`,
    )
    expect(await table(columns, [{ id: 'a'.repeat(20), name: 'n'.repeat(40) }], lisbon(10))).toContain('a'.repeat(20))
  })

  it('cuts an answer to 200 characters without a terminal', async () => {
    const text = await table(columns, [{ id: 'a'.repeat(300), name: 'n'.repeat(5000), at: AT }], lisbon())
    expect(text.split('\n')[1]).toBe(`${'a'.repeat(300)}  ${'n'.repeat(199)}…  2026-07-01 08:00:00`)
  })

  it.each([
    ['Chinese', '日本語', 6],
    ['an emoji of several code points', '👩‍👩‍👧', 2],
    ['a letter and a mark on it', 'e\u0301', 1],
  ])('measures %s in terminal cells', async (_, name, cells) => {
    expect(await table(columns, [{ id: '1', name }], lisbon())).toBe(
      `ID  NAME${' '.repeat(Math.max(0, cells - 4))}  AT\n1   ${name}${' '.repeat(Math.max(0, 4 - cells))}  -\n`,
    )
  })

  it('cuts between graphemes, and pads the cell that a wide one leaves free', async () => {
    const rows = [
      { id: '1', name: '日本語日本語' },
      { id: '2', name: 'e\u0301'.repeat(12) },
    ]
    expect(await table(columns, rows, lisbon(15))).toBe(
      `ID  NAME      AT\n1   日本語…   -\n2   ${'e\u0301'.repeat(7)}…  -\n`,
    )
  })

  it('does not measure what it cuts off: a megabyte of ideograms would take seconds', async () => {
    const rows = Array.from({ length: 10 }, () => ({ id: '1', name: '日'.repeat(1_000_000) }))
    expect((await table(columns, rows, lisbon(40))).split('\n')[1]).toBe(`1   ${'日'.repeat(15)}…   -`)
  })

  it('keeps a row on one line and drops control characters, whatever a flow is called', async () => {
    expect(await table(columns, [{ id: '1', name: 'two\nlines\u001b[2J\u0007' }], lisbon())).toContain(
      '1   two lines[2J  -\n',
    )
  })
})

describe('details', () => {
  it('has one line per field, values of any kind, and the zone after the first time', () => {
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
