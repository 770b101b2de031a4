import { defineConfig } from 'tsup'
import { build } from '../../tsup.shared.ts'

// mongodb stays an import: it is there with mongodb-memory-server, and only `close` of a given server needs it.
export default defineConfig(
  build({ index: 'src/index.ts', 'stub-main': 'src/stub-main.ts' }, { external: ['mongodb'] }),
)
