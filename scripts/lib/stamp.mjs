import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

// Tells whether the tree is installed and built, without calling pnpm or turbo. It compares contents, not times, so a copied tree counts as built.

const STAMP = 'node_modules/.cache/spark/build.json'
const INSTALL_INPUTS = ['package.json', 'pnpm-lock.yaml', 'pnpm-workspace.yaml', '.pnpmfile.mjs']
const BUILD_INPUTS = ['turbo.json', 'tsconfig.base.json', 'tsup.shared.ts']
// The inputs of `build` in turbo.json.
const PACKAGE_FILES = ['package.json', 'tsconfig.json', 'tsup.config.ts', 'prisma.config.ts']
const PACKAGE_FOLDERS = ['src', 'prisma', 'scripts']
/** Packages that are installed but not built. */
const OTHERS = ['bench', 'e2e', 'examples']
const GENERATED = /^(packages|apps)\/[^/]+\/src\/generated(\/|$)/
const TEST = /\.test\.ts$/

const entries = (folder) => (existsSync(folder) ? readdirSync(folder, { withFileTypes: true }) : [])

const filesBelow = (root, folder) =>
  entries(join(root, folder)).flatMap((entry) => {
    const path = `${folder}/${entry.name}`
    return entry.isDirectory() ? filesBelow(root, path) : [path]
  })

const packagesOf = (root) =>
  ['packages', 'apps'].flatMap((group) =>
    entries(join(root, group))
      .filter((entry) => entry.isDirectory())
      .map((entry) => `${group}/${entry.name}`),
  )

const hashOf = (root, paths, salt) => {
  const hash = createHash('sha256').update(salt)
  for (const path of [...paths].sort()) {
    if (!existsSync(join(root, path))) continue
    const content = readFileSync(join(root, path))
    hash.update(`\0${path}\0${content.length}\0`).update(content)
  }
  return hash.digest('hex')
}

/** A hash of what the installed libraries depend on, and one of what the built files depend on. */
export const fingerprint = (root) => {
  const packages = packagesOf(root)
  const manifests = [...packages, ...OTHERS].map((folder) => `${folder}/package.json`)
  // Some libraries are binaries for one platform.
  const install = hashOf(root, [...INSTALL_INPUTS, ...manifests], `${process.platform} ${process.arch}`)
  const sources = packages.flatMap((folder) => [
    ...PACKAGE_FILES.map((file) => `${folder}/${file}`),
    ...PACKAGE_FOLDERS.flatMap((part) => filesBelow(root, `${folder}/${part}`)),
  ])
  const build = hashOf(
    root,
    [...BUILD_INPUTS, ...sources.filter((path) => !GENERATED.test(path) && !TEST.test(path))],
    install,
  )
  return { install, build }
}

/** The stamp is valid while these folders exist. */
const folders = (root) =>
  ['', ...packagesOf(root), ...OTHERS]
    .map((folder) => join(folder, 'node_modules'))
    .filter((path) => existsSync(join(root, path)))

/** It is valid while these files exist with these sizes. */
const outputs = (root) =>
  packagesOf(root)
    .flatMap((folder) => [...filesBelow(root, `${folder}/dist`), ...filesBelow(root, `${folder}/src/generated`)])
    .filter((path) => !path.endsWith('.map'))
    .map((path) => [path, statSync(join(root, path)).size])

const isThere =
  (root) =>
  ([path, size]) => {
    const found = statSync(join(root, path), { throwIfNoEntry: false })
    return found !== undefined && (size === null || found.size === size)
  }

const read = (root) => {
  try {
    return JSON.parse(readFileSync(join(root, STAMP), 'utf8'))
  } catch {
    return {} // there is none yet, or writing it was interrupted
  }
}

const write = (root, stamp) => {
  const path = join(root, STAMP)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(`${path}.new`, JSON.stringify(stamp))
  renameSync(`${path}.new`, path)
}

/** What must be done before Spark can run, or, with `types`, before type declarations exist, too. `install` includes `build`. */
export const whatIsMissing = (root, current = fingerprint(root), { types = false } = {}) => {
  const stamp = read(root)
  const installed =
    stamp.install === current.install && (stamp.folders ?? []).every((path) => isThere(root)([path, null]))
  if (!installed) return 'install'
  const built =
    stamp.build === current.build &&
    (!types || stamp.types === true) &&
    Array.isArray(stamp.outputs) &&
    stamp.outputs.every(isThere(root))
  return built ? 'nothing' : 'build'
}

/** Call before installing, so that an interrupted installation is noticed. */
export const beginInstall = (root) => rmSync(join(root, STAMP), { force: true })

/** Call after installing and before building. */
export const beginBuild = (root, { install }) => write(root, { install, folders: folders(root) })

/** Call with the fingerprint from before the build: a file that changed during the build may or may not be in it. */
export const endBuild = (root, { install, build }, { types = false } = {}) =>
  write(root, { install, folders: folders(root), build, types, outputs: outputs(root) })
