import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'
import { patience, patient } from './packages/testing/src/patience.ts'

/** Packages resolve to their sources, so that tests need no build; global setups are resolved by `__vitest__`. */
const shared = {
  environments: { __vitest__: { resolve: { conditions: ['spark-source'] } } },
  resolve: { conditions: ['spark-source'] },
  ssr: { resolve: { conditions: ['spark-source'] } },
}

const PATIENCE = 'packages/testing/src/patience-setup.ts'

/** How long a test and a hook may take on an idle machine. On a busy one they may take longer. */
const limits = (testTimeout: number, hookTimeout: number) => ({
  testTimeout: patient(testTimeout),
  hookTimeout: patient(hookTimeout),
  setupFiles: [PATIENCE],
  provide: { limits: { testTimeout, hookTimeout, startedWith: patience() } },
})

/** Tests with real parts, such as PostgreSQL. scripts/postgres-matrix runs them on other versions of it. */
export const integration = {
  ...shared,
  test: {
    name: 'integration',
    include: ['{packages,apps}/*/test/**/*.test.ts'],
    globalSetup: ['packages/db/test/global-setup.ts'],
    // As large as Node 20 lets the room for new objects grow. Node 24 lets it take 100 MB more, which tests would count as memory of an answer.
    execArgv: ['--max-semi-space-size=16'],
    ...limits(30_000, 60_000),
    setupFiles: [PATIENCE, 'packages/db/test/collect-sql.ts'],
  },
}

export default defineConfig({
  test: {
    // Most tests wait more than they compute, so even two cores run three files at once.
    maxWorkers: Math.max(3, availableParallelism() - 1),
    projects: [
      {
        ...shared,
        test: {
          name: 'unit',
          include: ['{packages,apps}/*/src/**/*.test.ts', 'bench/*.test.ts', 'scripts/**/*.test.mjs'],
          ...limits(5_000, 10_000),
        },
      },
      integration,
      { test: { name: 'e2e', include: ['e2e/**/*.test.ts'], ...limits(120_000, 120_000) } },
    ],
  },
})
