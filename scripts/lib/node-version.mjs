import { readFileSync } from 'node:fs'

// An old Node must load the scripts as far as `requireNode`, which explains the problem. So their syntax stays that of Node 14.

const numbers = (version) => version.replace(/^\D*/, '').split('.').map(Number)

export const isAtLeast = (version, wanted) => {
  const [have, need] = [numbers(version), numbers(wanted)]
  for (let at = 0; at < need.length; at++) {
    if (have[at] !== need[at]) return have[at] > need[at]
  }
  return true
}

/** Ends the process with an explanation when this Node is older than `engines` in package.json. */
export const requireNode = () => {
  const { engines } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  if (isAtLeast(process.version, engines.node)) return
  console.error(
    `Spark needs Node ${numbers(engines.node).join('.')} or newer, and this is ${process.version}: install a current one from https://nodejs.org and try again.`,
  )
  process.exit(1)
}
