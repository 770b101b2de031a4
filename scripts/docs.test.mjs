// Checks what the documentation says of the repository: files and folders exist, links lead to a heading, named tests are there.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))
const SKIPPED = new Set(['node_modules', 'dist', '.git', '.turbo', '.spark', '.spark-demo', 'generated', 'fixtures'])

/** Every file of the repository, as a path from its root. */
const walk = (folder) =>
  readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (SKIPPED.has(entry.name)) return []
    const path = join(folder, entry.name)
    return entry.isDirectory() ? walk(path) : [relative(root, path)]
  })
const files = walk(root)
/** Files that a page tells its reader to make. */
const MADE_BY_READERS = new Set(['hello.mjs'])
const roots = readdirSync(root).filter((name) => statSync(join(root, name)).isDirectory())
const read = (path) => readFileSync(join(root, path), 'utf8')

const FENCE = /^```[\s\S]*?^```$/gm
const withoutFences = (text) => text.replace(FENCE, '')
/** GitHub's anchor of a heading. */
const anchorOf = (heading) =>
  heading
    .replaceAll('`', '')
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-')
const anchorsOf = (path) =>
  [...withoutFences(read(path)).matchAll(/^#+ (.*)$/gm)].map(([, heading]) => anchorOf(heading))

const brokenLinks = (page) =>
  [...withoutFences(read(page)).matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, link]) => {
    if (/^[a-z]+:/.test(link)) return []
    const [path, anchor] = link.split('#')
    const target = path === '' ? page : join(dirname(page), path)
    if (!existsSync(join(root, target))) return [link]
    return anchor === undefined || anchorsOf(target).includes(anchor) ? [] : [link]
  })

const PATH = /^[\w@.{},*/-]+\.(ts|mjs|sql|prisma|md)$/
/** From the root when it begins with a folder of the root; else the end of some path, as `queue/claim.ts` or `claim.ts`. `*` stands for anything. */
const exists = (path) => {
  if (roots.includes(path.split('/')[0]) && !path.includes('*')) return existsSync(join(root, path))
  const parts = path.split('*').map((part) => part.replace(/[.{}]/g, '\\$&'))
  const pattern = new RegExp(`(^|/)${parts.join('[^/]*')}$`)
  return files.some((file) => pattern.test(file))
}
const codeOf = (text) => [...withoutFences(text).matchAll(/`([^`\n]+)`/g)].map(([, code]) => code)
const missingPaths = (page) =>
  codeOf(read(page))
    .flatMap((code) => code.split(/\s/))
    .filter(
      (word) => PATH.test(word) || (word.includes('/') && roots.includes(word.split('/')[0]) && !/[<*…]/.test(word)),
    )
    .filter(
      (word) =>
        !MADE_BY_READERS.has(word) && !exists(word.replace(/\/$/, '')) && !/(^|\/)(dist|generated)(\/|$)/.test(word),
    )

const plainQuotes = (text) => text.replace(/\\'|’/g, "'")
/** `path.test.ts`: *a name*; *another … name*. The text around an ellipsis must stand in that file. */
const unknownTests = (page) =>
  [...read(page).matchAll(/((?:`[\w./-]+\.ts`,? ?)+)(?:, over both stores)?: ((?:.*?\*[^*\n]+\*)+)/g)].flatMap(
    ([, paths, rest]) => {
      const named = codeOf(paths).flatMap((path) => files.filter((file) => file === path || file.endsWith(`/${path}`)))
      const texts = named.map((file) => plainQuotes(read(file)))
      const own = rest.split(/`[\w./-]+\.ts`/)[0]
      const names = [...own.matchAll(/\*([^*\n]+)\*/g)].map(([, name]) => name)
      return names.filter((name) =>
        name.split('…').some((part) => !texts.some((text) => text.includes(plainQuotes(part.trim())))),
      )
    },
  )

describe.each(files.filter((file) => file.endsWith('.md')))('%s', (page) => {
  it('links to pages and headings that exist', () => {
    expect(brokenLinks(page)).toEqual([])
  })
  it('names files and folders that exist', () => {
    expect(missingPaths(page)).toEqual([])
  })
  it('names tests that exist', () => {
    expect(unknownTests(page)).toEqual([])
  })
})

describe('a decision', () => {
  const pages = files.filter((file) => /^docs\/decisions\/(?!README).*\.md$/.test(file))
  const index = read('docs/decisions/README.md')

  it.each(pages)('%s has the common form and stands in the index', (page) => {
    expect(read(page)).toMatch(/^# .+\n\nDate: \d{4}-\d\d-\d\d.* · Status: (accepted|replaced)/)
    expect(anchorsOf(page)).toEqual(expect.arrayContaining(['context', 'decision', 'consequences']))
    expect(index).toContain(`](${page.split('/').at(-1)})`)
  })
})
