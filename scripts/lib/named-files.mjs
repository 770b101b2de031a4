import { existsSync } from 'node:fs'
import { join } from 'node:path'

const textsIn = (value) =>
  typeof value === 'string'
    ? [value]
    : typeof value === 'object' && value !== null
      ? Object.values(value).flatMap(textsIn)
      : []

/** The files that a package.json names for its users. The condition `spark-source` is left out: only this repository uses it. */
export const namedFiles = ({ main, types, bin, exports = {}, publishConfig = {} }) => {
  const published = JSON.parse(
    JSON.stringify({ ...exports, ...publishConfig.exports }, (key, value) =>
      key === 'spark-source' ? undefined : value,
    ),
  )
  return [...new Set(textsIn({ main, types, bin, published }).filter((path) => !path.includes('*')))]
}

/** The named files that do not exist. */
export const missingFiles = (folder, manifest) => namedFiles(manifest).filter((path) => !existsSync(join(folder, path)))
