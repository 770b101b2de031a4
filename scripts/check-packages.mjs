// What publint says of every package that can be published. Needs what is built, types included.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'

const root = fileURLToPath(new URL('..', import.meta.url))
const folders = ['packages', 'apps'].flatMap((group) => readdirSync(join(root, group)).map((name) => join(group, name)))

const check = async (folder) => {
  const manifest = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'))
  if (manifest.private) return
  // Packing takes a second of CPU time. Without `exports`, publint needs it to know which files are published.
  const pack = manifest.exports ? false : 'npm'
  const { messages } = await publint({ pkgDir: join(root, folder), strict: true, pack })
  for (const message of messages) console.error(`${folder}: ${formatMessage(message, manifest)}`)
  if (messages.length > 0) process.exitCode = 1
}

await Promise.all(folders.map(check))
