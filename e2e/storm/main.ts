import type { StormOptions } from './options.ts'
import { parseStorm, USAGE } from './options.ts'
import { runStorm } from './storm.ts'

const stop = new AbortController()
process.once('SIGINT', () => stop.abort())

const options = ((): StormOptions | null => {
  try {
    return parseStorm(process.argv.slice(2), Math.floor(Math.random() * 1_000_000))
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`)
    return null
  }
})()
if (options) {
  const result = await runStorm(options, (line) => console.error(line), stop.signal)
  if (!result) console.error('There is no Mongo server to be had here: try --store postgres.')
  else {
    console.log(JSON.stringify(result.counts, null, 2))
    for (const line of result.wrong) console.log(`wrong: ${line}`)
    console.log(
      result.wrong.length === 0
        ? '0 lost, 0 twice, 0 stuck'
        : `${result.wrong.length} things are wrong; the same storm again: --seed ${options.seed}`,
    )
  }
  process.exitCode = result && result.wrong.length === 0 ? 0 : 1
} else process.exitCode = 2
