import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseEnv } from 'node:util'
import { fileVariable } from '@automagik-spark/core'
import { describe, expect, it } from 'vitest'
import { ConfigError, loadConfig } from './config.ts'
import { envExample, markdownTable } from './docs.ts'
import { aboutVariable, VARIABLES } from './variables.ts'

const file = (path: string) => fileURLToPath(new URL(`../../../../${path}`, import.meta.url))

// After a change of the schema: npx vitest run --project unit packages/runtime/src/config/docs.test.ts -u
describe('the documents made from the schema', () => {
  it('docs/configuration.md holds the current table', async () => {
    const text = readFileSync(file('docs/configuration.md'), 'utf8')
    const current = text.replace(
      /(<!-- variables: .*?-->)[\s\S]*?(?=<!-- \/variables -->)/,
      (_, start: string) => `${start}\n${markdownTable()}\n`,
    )
    expect(current).toContain(markdownTable())
    await expect(current).toMatchFileSnapshot(file('docs/configuration.md'))
  })

  it('.env.example is current', async () => {
    await expect(envExample()).toMatchFileSnapshot(file('.env.example'))
  })
})

describe('.env.example', () => {
  const uncommented = envExample().replace(/^# ([A-Z][A-Z_]+=)/gm, '$1')

  it('names every variable once, each secret also as a file, and sets none', () => {
    const files = VARIABLES.filter((name) => aboutVariable(name).secret).map(fileVariable)
    expect(parseEnv(envExample())).toEqual({})
    expect(Object.keys(parseEnv(uncommented))).toEqual([...VARIABLES, ...files].sort())
  })

  it('holds values that Spark accepts, but for its example keys', () => {
    try {
      loadConfig(parseEnv(uncommented.replace(/^\w+_FILE=.*$/gm, '')), 'start')
      expect.unreachable()
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      expect(error.problems).toEqual([
        expect.stringMatching(/^SPARK_API_KEY is an example/),
        expect.stringMatching(/^SPARK_ENCRYPTION_KEY is an example/),
      ])
    }
  })
})
