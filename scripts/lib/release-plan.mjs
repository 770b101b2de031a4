/** The text of a changeset file, without the front matter that says how large the change is. */
export const lineOf = (text) => text.replace(/^---\n[\s\S]*?\n---\n/, '').trim()

const UNRELEASED = /^## (\S+), unreleased$/m

/** The version whose section of CHANGELOG.md says `unreleased`, or null. Only the first version is written so. */
export const unreleasedVersion = (changelog) => UNRELEASED.exec(changelog)?.[1] ?? null

/** CHANGELOG.md with a dated section for `version`: the unreleased one as it stands, or a new one of `lines` above the others. */
export const datedChangelog = (changelog, { version, date, lines }) => {
  const heading = `## ${version}, ${date}`
  const items = lines.map((line) => `- ${line.replaceAll('\n', '\n  ')}\n`).join('')
  if (unreleasedVersion(changelog) === version) return changelog.replace(UNRELEASED, heading)
  const at = changelog.search(/^## /m)
  const [before, after] = at < 0 ? [`${changelog.trimEnd()}\n\n`, ''] : [changelog.slice(0, at), changelog.slice(at)]
  return `${before}${heading}\n\n${items}${after && `\n${after}`}`
}

/** Why there can be no release now, one sentence each. */
export const refusals = ({ branch, changes, changesets, changelog }) => [
  ...(branch === 'main' ? [] : [`a release is made on main, and this is ${branch || 'no branch'}`]),
  ...(changes === '' ? [] : [`the tree has changes that are not committed:\n${changes}`]),
  ...(changesets.length === 0 && unreleasedVersion(changelog) === null
    ? ['nothing was changed since the last release: there is no file in .changeset']
    : []),
  ...(changesets.length > 0 && unreleasedVersion(changelog) !== null
    ? [
        `${unreleasedVersion(changelog)} is not released yet: move the lines of .changeset to its section of CHANGELOG.md`,
      ]
    : []),
]
