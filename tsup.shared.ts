import type { Options } from 'tsup'

/** What every package builds: ESM for Node 20 with types; workspace packages and dependencies stay imports. */
export const build = (entry: Record<string, string>, more: Options = {}): Options => ({
  entry,
  format: ['esm'],
  target: 'node20',
  platform: 'node',
  dts: true,
  clean: true,
  sourcemap: true,
  splitting: true,
  ...more,
})
