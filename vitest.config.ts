import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

const shared = { resolve: { conditions: ['spark-source'] }, ssr: { resolve: { conditions: ['spark-source'] } } }

export default defineConfig({
  test: {
    // Most tests wait more than they compute: also a machine of two cores takes two files at once.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    projects: [
      { ...shared, test: { name: 'unit', include: ['{packages,apps}/*/src/**/*.test.ts', 'bench/*.test.ts', 'scripts/**/*.test.mjs'] } },
      {
        ...shared,
        test: {
          name: 'integration',
          include: ['{packages,apps}/*/test/**/*.test.ts'],
          globalSetup: ['packages/db/test/global-setup.ts'],
          testTimeout: 30_000,
          hookTimeout: 60_000,
        },
      },
      { test: { name: 'e2e', include: ['e2e/**/*.test.ts'], testTimeout: 120_000, hookTimeout: 120_000 } },
    ],
  },
})
