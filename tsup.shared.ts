import type { Options } from 'tsup'

/** What every package builds: ESM for Node 20 with types; workspace packages and dependencies stay imports. */
export const build = (entry: Record<string, string>, more: Options = {}): Options => ({
  entry,
  format: ['esm'],
  target: 'node20',
  platform: 'node',
  // Reads the built types of the packages below, which turbo builds first. Reading their sources instead took three times as long.
  dts: process.env.SPARK_BUILD_WITHOUT_TYPES ? false : { compilerOptions: { customConditions: [] } },
  clean: true,
  sourcemap: true,
  splitting: true,
  ...more,
})
