import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import { integration } from '../../vitest.config.ts'

/** What is run on every version of PostgreSQL. Left out: what has another server, and what is about the embedded one. */
export default defineConfig({
  ...integration,
  test: {
    ...integration.test,
    name: process.env.SPARK_TEST_POSTGRES_NAME ?? 'postgres',
    root: fileURLToPath(new URL('../..', import.meta.url)),
    include: ['packages/{db,engine}/test/**/*.test.ts', 'packages/engine/test/matrix/*.matrix.ts'],
    exclude: ['packages/db/test/embedded*.test.ts', 'packages/engine/test/queue-mongodb.test.ts'],
    // These tests wait more than they compute.
    maxWorkers: 4,
  },
})
