import { describe, expect, it } from 'vitest'
import { datedChangelog, lineOf, refusals, unreleasedVersion } from './release-plan.mjs'

const FIRST = '# Changelog\n\n## 0.1.0, unreleased\n\nThe first version.\n\n- **One.** Text.\n'
const LATER = '# Changelog\n\n## 0.1.0, 2026-12-01\n\nThe first version.\n'

it('a changeset says its line without the sizes', () => {
  expect(lineOf('---\n"@automagik-spark/sdk": minor\n---\n\n**Webhooks.** Spark calls you.\n')).toBe(
    '**Webhooks.** Spark calls you.',
  )
})

describe('CHANGELOG.md', () => {
  it('says of the first version when it was released, and nothing else changes', () => {
    expect(unreleasedVersion(FIRST)).toBe('0.1.0')
    expect(datedChangelog(FIRST, { version: '0.1.0', date: '2026-12-01', lines: [] })).toBe(
      FIRST.replace('unreleased', '2026-12-01'),
    )
  })

  it('has a later version above the others, with one item for each change', () => {
    expect(unreleasedVersion(LATER)).toBeNull()
    expect(
      datedChangelog(LATER, { version: '0.2.0', date: '2027-01-15', lines: ['One.', 'Two,\nin two lines.'] }),
    ).toBe(
      '# Changelog\n\n## 0.2.0, 2027-01-15\n\n- One.\n- Two,\n  in two lines.\n\n## 0.1.0, 2026-12-01\n\nThe first version.\n',
    )
  })
})

describe('a release', () => {
  const fine = { branch: 'main', changes: '', changesets: ['a.md'], changelog: LATER }

  it('is made of changesets, and the first one of what was written before there were any', () => {
    expect(refusals(fine)).toEqual([])
    expect(refusals({ ...fine, changesets: [], changelog: FIRST })).toEqual([])
  })

  it.each([
    ['on another branch', { branch: 'fix' }, 'a release is made on main, and this is fix'],
    ['on no branch', { branch: '' }, 'a release is made on main, and this is no branch'],
    ['of a tree with changes', { changes: '?? a.ts' }, 'the tree has changes that are not committed:\n?? a.ts'],
    [
      'of the first version, with changesets beside it',
      { changelog: FIRST },
      '0.1.0 is not released yet: move the lines of .changeset to its section of CHANGELOG.md',
    ],
    ['of nothing', { changesets: [] }, 'nothing was changed since the last release: there is no file in .changeset'],
  ])('%s is refused', (_, given, sentence) => {
    expect(refusals({ ...fine, ...given })).toEqual([sentence])
  })
})
