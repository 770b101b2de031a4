import { fileVariable } from '@automagik-spark/core'
import { z } from 'zod'
import { aboutVariable, Environment, namesOf, type Variable, VARIABLES } from './variables.ts'

// The environment as the docs show it. It is made from the schema, so the two cannot differ.

/** The part of zod's JSON Schema that is read here: the default text of a variable. */
const Properties = z.object({ properties: z.record(z.string(), z.object({ default: z.string().optional() })) })
const defaults = () => Properties.parse(z.toJSONSchema(Environment, { io: 'input', unrepresentable: 'any' })).properties

const WHO = { start: '', api: 'API', worker: 'worker', db: 'database commands' } as const

const readers = (name: Variable): string => {
  const roles = aboutVariable(name).read_by
  return roles.length === Object.keys(WHO).length
    ? 'all'
    : roles
        .map((role) => WHO[role])
        .filter(Boolean)
        .join(', ')
}

/** The table of docs/configuration.md. */
export const markdownTable = (): string => {
  const texts = defaults()
  const rows = VARIABLES.map((name) => {
    const { description, unset, secret } = aboutVariable(name)
    const [, ...aliases] = namesOf(name)
    const names = [name, ...(secret ? [fileVariable(name)] : []), ...aliases]
    return [
      names.map((one) => `\`${one}\``).join('<br>'),
      unset ?? `\`${texts[name]?.default}\``,
      description,
      readers(name),
    ]
  })
  return [['variable', 'default', 'meaning', 'read by'], ['---', '---', '---', '---'], ...rows]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n')
}

/** `.env.example`: every variable, commented out. */
export const envExample = (): string => {
  const texts = defaults()
  const entries = VARIABLES.map((name) => {
    const { description, unset, example, secret } = aboutVariable(name)
    const comment = unset ? `${description} Unset: ${unset}.` : description
    const file = secret ? `# ${fileVariable(name)}=/run/secrets/${name.toLowerCase()}\n` : ''
    return `${wrapped(comment.replaceAll('`', ''))}\n# ${name}=${example ?? texts[name]?.default ?? ''}\n${file}`
  })
  return [
    '# Copy this file to .env and take the # off what you want to change. The environment wins over .env.',
    '# The keys below are examples: Spark refuses to start with them.',
    '# NAME_FILE is the path of a file that contains the secret; set either NAME or NAME_FILE.\n',
    ...entries,
  ].join('\n')
}

const LINE = 110
const wrapped = (text: string): string => {
  const lines = ['#']
  for (const word of text.split(' ')) {
    if (`${lines.at(-1)} ${word}`.length > LINE) lines.push('#')
    lines[lines.length - 1] += ` ${word}`
  }
  return lines.join('\n')
}
