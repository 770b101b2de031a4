import { cpSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { beginBuild, beginInstall, endBuild, fingerprint, whatIsMissing } from './stamp.mjs'

let root
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'spark-stamp-'))
  for (const path of [
    'package.json',
    'pnpm-lock.yaml',
    'turbo.json',
    'packages/core/package.json',
    'packages/core/src/index.ts',
    'packages/core/src/deep/a.ts',
    'packages/core/src/a.test.ts',
    'apps/cli/src/main.ts',
    'docs/a.md',
  ])
    write(path)
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

const write = (path, text = `text of ${path}`) => {
  mkdirSync(dirname(join(root, path)), { recursive: true })
  writeFileSync(join(root, path), text)
}
const remove = (path) => rmSync(join(root, path), { recursive: true })

const install = () => {
  beginInstall(root)
  for (const folder of ['node_modules', 'packages/core/node_modules'])
    mkdirSync(join(root, folder), { recursive: true })
}
const build = (options) => {
  const current = fingerprint(root)
  beginBuild(root, current)
  for (const path of [
    'packages/core/dist/index.js',
    'packages/core/dist/index.js.map',
    'packages/core/src/generated/client.ts',
    'apps/cli/dist/main.js',
  ])
    write(path)
  endBuild(root, current, options)
}

describe('whatIsMissing', () => {
  it('is the installation in a fresh clone, the build after installing, and nothing after building', () => {
    expect(whatIsMissing(root)).toBe('install')
    install()
    beginBuild(root, fingerprint(root))
    expect(whatIsMissing(root)).toBe('build')
    build()
    expect(whatIsMissing(root)).toBe('nothing')
  })

  it('is the build when types are needed and were left out, and nothing when they are not needed', () => {
    install()
    build()
    expect(whatIsMissing(root, undefined, { types: true })).toBe('build')
    build({ types: true })
    expect(whatIsMissing(root, undefined, { types: true })).toBe('nothing')
    expect(whatIsMissing(root)).toBe('nothing')
  })

  describe('in a built tree', () => {
    beforeEach(() => {
      install()
      build()
    })

    it.each(['pnpm-lock.yaml', 'package.json', 'packages/core/package.json'])(
      'is the installation when %s changes',
      (path) => {
        write(path, 'other')
        expect(whatIsMissing(root)).toBe('install')
      },
    )

    it.each(['packages/core/src/index.ts', 'packages/core/src/deep/a.ts', 'apps/cli/src/main.ts', 'turbo.json'])(
      'is the build when %s changes',
      (path) => {
        write(path, 'other')
        expect(whatIsMissing(root)).toBe('build')
      },
    )

    it('is the build when a source file is added, deleted or renamed', () => {
      write('packages/core/src/b.ts')
      expect(whatIsMissing(root)).toBe('build')
      remove('packages/core/src/b.ts')
      expect(whatIsMissing(root)).toBe('nothing')
      remove('packages/core/src/deep')
      write('packages/core/src/deep2/a.ts', 'text of packages/core/src/deep/a.ts')
      expect(whatIsMissing(root)).toBe('build')
    })

    it.each(['packages/core/src/a.test.ts', 'docs/a.md', 'packages/core/dist/index.js.map'])(
      'is nothing when only %s changes',
      (path) => {
        write(path, 'other')
        expect(whatIsMissing(root)).toBe('nothing')
      },
    )

    it('is nothing when only times changed, as in a copied tree', () => {
      utimesSync(join(root, 'packages/core/src/index.ts'), 1, 1)
      expect(whatIsMissing(root)).toBe('nothing')
      const copy = mkdtempSync(join(tmpdir(), 'spark-stamp-copy-'))
      try {
        cpSync(root, copy, { recursive: true })
        expect(whatIsMissing(copy)).toBe('nothing')
      } finally {
        rmSync(copy, { recursive: true, force: true })
      }
    })

    it.each(['apps/cli/dist/main.js', 'packages/core/dist', 'packages/core/src/generated'])(
      'is the build when %s is gone',
      (path) => {
        remove(path)
        expect(whatIsMissing(root)).toBe('build')
      },
    )

    it('is the build when a built file was truncated', () => {
      write('apps/cli/dist/main.js', 'text')
      expect(whatIsMissing(root)).toBe('build')
    })

    it.each(['node_modules', 'packages/core/node_modules'])('is the installation when %s is gone', (path) => {
      remove(path)
      expect(whatIsMissing(root)).toBe('install')
    })

    it('is the step that was interrupted', () => {
      beginBuild(root, fingerprint(root))
      expect(whatIsMissing(root)).toBe('build')
      beginInstall(root)
      expect(whatIsMissing(root)).toBe('install')
    })

    it('is the installation when the stamp cannot be read', () => {
      write('node_modules/.cache/spark/build.json', '{"install": "')
      expect(whatIsMissing(root)).toBe('install')
    })
  })

  it('is the build again when a source file changed while it was built', () => {
    install()
    const before = fingerprint(root)
    beginBuild(root, before)
    write('packages/core/src/index.ts', 'changed meanwhile')
    endBuild(root, before)
    expect(whatIsMissing(root)).toBe('build')
  })
})
