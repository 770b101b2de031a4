import type { Options } from 'tsup'

/** What every package builds: ESM for Node 20 with types; workspace packages and dependencies stay imports. */
export const build = (entry: Record<string, string>, more: Options = {}): Options => ({
  entry,
  format: ['esm'],
  target: 'node20',
  platform: 'node',
  // Against the built types of what a package leans on, which turbo has made before: reading their sources again took three times as long.
  dts: process.env.SPARK_BUILD_WITHOUT_TYPES ? false : { compilerOptions: { customConditions: [] } },
  clean: true,
  sourcemap: true,
  splitting: true,
  ...more,
})
