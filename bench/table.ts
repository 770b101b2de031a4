import { rounded } from './statistics.ts'

/** A figure for people; a dash when it was not measured. */
export const figure = (value: number | null): string =>
  value === null || !Number.isFinite(value) ? '–' : String(rounded(value))

export const cpuFigure = (cpu: { node: number; postgres: number } | null): string =>
  cpu ? `${figure(cpu.node)} + ${figure(cpu.postgres)}` : '–'

/** Aligns columns: the first to the left, figures to the right. */
export const table = (head: readonly string[], rows: readonly (readonly string[])[]): string => {
  const widths = head.map((name, column) => Math.max(name.length, ...rows.map((row) => (row[column] ?? '').length)))
  const line = (cells: readonly string[]) =>
    widths
      .map((width, column) =>
        column === 0 ? (cells[column] ?? '').padEnd(width) : (cells[column] ?? '').padStart(width),
      )
      .join('  ')
      .trimEnd()
  return [line(head), widths.map((width) => '-'.repeat(width)).join('  '), ...rows.map(line)].join('\n')
}
