import { copyFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { defineConfig } from 'tsup'
import { build } from '../../tsup.shared.ts'

const { resolve } = createRequire(import.meta.url)

export default defineConfig(
  build(
    { index: 'src/index.ts', main: 'src/main.ts' },
    {
      // src/http/docs.ts serves it; the license of what is inside it goes along.
      onSuccess: async () => {
        for (const name of ['redoc.standalone.js', 'redoc.standalone.js.LICENSE.txt'])
          await copyFile(resolve(`redoc/bundles/${name}`), `dist/${name}`)
      },
    },
  ),
)
