// No file of the repository imports itself by way of others, not even for a type: knip's `cycles` does not follow type imports.
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { expect, it } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))
/** `generated`: Prisma's client, whose files import each other. Dot folders hold data, caches and Git's own files. */
const SKIPPED = /^(node_modules|dist|generated|\..*)$/

const walk = (folder) =>
  readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (SKIPPED.test(entry.name)) return []
    const path = join(folder, entry.name)
    return entry.isDirectory() ? walk(path) : /\.(ts|tsx|mjs)$/.test(entry.name) ? [path] : []
  })

/** The files that each file imports by a relative path. Circles of packages are ESLint's (`mayImport`). */
const importsOf = (files, read) =>
  new Map(
    files.map((file) => [
      file,
      ts
        .preProcessFile(read(file))
        .importedFiles.filter(({ fileName }) => fileName.startsWith('.'))
        .map(({ fileName }) => join(file, '..', fileName)),
    ]),
  )

/** One way round for each file at which a circle closes. */
const findCycles = (imports) => {
  const cycles = []
  const done = new Set()
  const visit = (file, way) => {
    if (way.includes(file)) cycles.push([...way.slice(way.indexOf(file)), file])
    if (done.has(file) || way.includes(file)) return
    for (const imported of imports.get(file) ?? []) visit(imported, [...way, file])
    done.add(file)
  }
  for (const file of imports.keys()) visit(file, [])
  return cycles
}

it('finds a circle of imports that only types close', () => {
  const texts = {
    'a/one.ts': "import { two } from './two.ts'",
    'a/two.ts': "export type { Three } from '../b/three.ts'",
    'b/three.ts': "import type { One } from '../a/one.ts'",
    'b/four.ts': "import '../a/two.ts'",
  }
  expect(findCycles(importsOf(Object.keys(texts), (file) => texts[file]))).toEqual([
    ['a/one.ts', 'a/two.ts', 'b/three.ts', 'a/one.ts'],
  ])
})

it('has no file that imports itself by way of others', () => {
  const files = walk(root)
  const imports = importsOf(files, (file) => readFileSync(file, 'utf8'))
  expect(imports.get(join(root, 'packages/core/src/index.ts'))?.length).toBeGreaterThan(5)
  expect(findCycles(imports).map((cycle) => cycle.map((file) => relative(root, file)).join(' → '))).toEqual([])
})
