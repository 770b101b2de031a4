import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import { integration } from '../../vitest.config.ts'

/** The tests that run on every version of PostgreSQL. Those of MongoDB do not. */
export default defineConfig({
  ...integration,
  test: {
    ...integration.test,
    name: process.env.SPARK_TEST_POSTGRES_NAME ?? 'postgres',
    root: fileURLToPath(new URL('../..', import.meta.url)),
    include: [
      '{packages/db,packages/engine,apps/worker}/test/**/*.test.ts',
      'packages/runtime/test/connection-forms.test.ts',
      '{packages/engine,apps/worker}/test/matrix/*.matrix.ts',
    ],
    exclude: ['packages/engine/test/wake-ups-mongodb.test.ts'],
    // These tests wait more than they compute.
    maxWorkers: 4,
  },
})
