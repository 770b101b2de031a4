import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { SourceType } from '@automagik-spark/core'
import { expect, it } from 'vitest'

const ROOT = join(import.meta.dirname, '../../..')
/** Where a kind may be named: this package, the contract, what is generated from that, and tests. */
const MAY_NAME_KINDS = /^packages\/(adapters|testing)\/|contract\/sources\.ts$|contract-types\.ts$|\.test\.tsx?$/

const sources = ['packages', 'apps'].flatMap((room) =>
  readdirSync(join(ROOT, room)).flatMap((name) =>
    readdirSync(join(ROOT, room, name, 'src'), { recursive: true, encoding: 'utf8' })
      .filter((path) => /\.tsx?$/.test(path))
      .map((path) => `${room}/${name}/src/${path}`),
  ),
)

it('nothing but this package and the contract names a kind of flow server', () => {
  const quoted = new RegExp(`['"\`](${SourceType.options.join('|')})['"\`]`)
  const naming = sources
    .filter((path) => !MAY_NAME_KINDS.test(path))
    .filter((path) => quoted.test(readFileSync(join(ROOT, path), 'utf8')))
  expect(sources.length).toBeGreaterThan(200)
  expect(naming).toEqual([])
})
