/** The folder of this package: this file lies one level below it as source and when built (so do the chunks that tsup makes). */
export const packageRoot = new URL('../', import.meta.url)
