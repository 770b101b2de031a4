import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { missingFiles, namedFiles } from './named-files.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))
const manifestOf = (folder) => JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'))
const folders = ['packages', 'apps'].flatMap((group) =>
  readdirSync(join(root, group)).map((name) => `${group}/${name}`),
)

describe('the files that a package.json names', () => {
  it('are those of main, types, bin and exports, without the sources that only this repository uses', () => {
    const exports = {
      '.': { 'spark-source': './src/index.ts', import: { types: './dist/index.d.ts', default: './dist/index.js' } },
      './package.json': './package.json',
    }
    expect(
      namedFiles({ main: './dist/index.cjs', types: './dist/index.d.cts', bin: { it: './bin/it.js' }, exports }),
    ).toEqual([
      './dist/index.cjs',
      './dist/index.d.cts',
      './bin/it.js',
      './dist/index.d.ts',
      './dist/index.js',
      './package.json',
    ])
  })

  let folder
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'spark-pack-'))))
  afterEach(() => rmSync(folder, { recursive: true }))

  it('are missing when they do not exist, as types after npm start', () => {
    mkdirSync(join(folder, 'dist'))
    writeFileSync(join(folder, 'dist/index.js'), '')
    expect(
      missingFiles(folder, { exports: { '.': { types: './dist/index.d.ts', default: './dist/index.js' } } }),
    ).toEqual(['./dist/index.d.ts'])
  })

  it.each(folders)('%s is built, with types, before it is packed', (name) => {
    expect(manifestOf(name).scripts.prepack).toBe('node ../../scripts/prepack.mjs')
  })
})
