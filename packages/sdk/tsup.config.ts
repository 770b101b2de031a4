import { defineConfig } from 'tsup'
import { build } from '../../tsup.shared.ts'

const entry = { index: 'src/index.ts' }

export default defineConfig([
  build(entry, { platform: 'neutral' }),
  // ky is ESM only, so the CommonJS build includes a copy: `require` then works in every Node, bundler and test runner.
  build(entry, { platform: 'neutral', format: ['cjs'], noExternal: ['ky'], clean: false }),
])
