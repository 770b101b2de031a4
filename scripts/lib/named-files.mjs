import { existsSync } from 'node:fs'
import { join } from 'node:path'

const textsIn = (value) =>
  typeof value === 'string'
    ? [value]
    : typeof value === 'object' && value !== null
      ? Object.values(value).flatMap(textsIn)
      : []

/** Every file that a package.json promises to who installs it; `spark-source` is for this repository alone. */
export const namedFiles = ({ main, types, bin, exports = {}, publishConfig = {} }) => {
  const published = JSON.parse(
    JSON.stringify({ ...exports, ...publishConfig.exports }, (key, value) =>
      key === 'spark-source' ? undefined : value,
    ),
  )
  return [...new Set(textsIn({ main, types, bin, published }).filter((path) => !path.includes('*')))]
}

/** Those of them that are not there. */
export const missingFiles = (folder, manifest) => namedFiles(manifest).filter((path) => !existsSync(join(folder, path)))
