import type { Endpoint } from '@automagik-spark/core'
import { z } from 'zod'

/** The part of JSON Schema that `z.toJSONSchema` produces for our contract; anything else throws. */
type Schema = {
  $ref?: string
  $defs?: Record<string, Schema>
  description?: string
  type?: string | string[]
  const?: unknown
  enum?: unknown[]
  anyOf?: Schema[]
  items?: Schema
  properties?: Record<string, Schema>
  required?: string[]
  additionalProperties?: boolean | Schema
}

const HEAD = `// Made from the contract by \`npm run types\` in packages/sdk; change packages/core/src/contract instead.
// A test fails while this file and the contract differ.
`
const MAX_UNION_WIDTH = 100
const SCALARS: Record<string, string> = {
  string: 'string',
  integer: 'number',
  number: 'number',
  boolean: 'boolean',
  null: 'null',
}

const quoted = (value: unknown): string =>
  typeof value === 'string' ? `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'` : JSON.stringify(value)
const pascal = (id: string): string =>
  id
    .split('_')
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('')
const comment = (schema: Schema, indent: string): string =>
  schema.description ? `${indent}/** ${schema.description} */\n` : ''

const union = (types: string[], indent: string): string => {
  if (types.includes('unknown')) return 'unknown' // it includes all other types
  const line = types.join(' | ')
  return line.length <= MAX_UNION_WIDTH || line.includes('\n')
    ? line
    : types.map((type) => `\n${indent}  | ${type}`).join('')
}

/** A boolean of a query: text on the wire, a boolean for the caller. */
const isFlag = (values: unknown[]): boolean => [...values].sort().join() === '0,1,false,true'

const printObject = (schema: Schema, indent: string): string => {
  const fields = Object.entries(schema.properties ?? {})
  if (fields.length === 0) return 'Record<string, unknown>'
  const inner = `${indent}  `
  const required = new Set(schema.required)
  const lines = fields.map(([name, field]) => {
    const types = typesOf(field, inner)
    // A missing field and `undefined` are the same on the wire, so an optional field allows both.
    if (!required.has(name) && types[0] !== 'unknown') types.push('undefined')
    const type = union(types, inner)
    return `${comment(field, inner)}${inner}${name}${required.has(name) ? '' : '?'}:${type.startsWith('\n') ? '' : ' '}${type}`
  })
  return `{\n${lines.join('\n')}\n${indent}}`
}

/** The members of the union of types that a value may have. */
const typesOf = (schema: Schema, indent: string): string[] => {
  if (schema.$ref) return [schema.$ref.replace('#/$defs/', '')]
  if (schema.anyOf) return schema.anyOf.flatMap((one) => typesOf(one, indent))
  if ('const' in schema) return [quoted(schema.const)]
  if (schema.enum) return isFlag(schema.enum) ? ['boolean'] : schema.enum.map(quoted)
  if (Array.isArray(schema.type)) return schema.type.flatMap((type) => typesOf({ ...schema, type }, indent))
  if (schema.type === 'array') {
    const item = print(schema.items ?? {}, indent)
    return [/[ {]/.test(item) ? `Array<${item}>` : `${item}[]`]
  }
  if (schema.type === 'object') return [printObject(schema, indent)]
  if (!schema.type) return ['unknown']
  const scalar = SCALARS[schema.type]
  if (!scalar) throw new Error(`no TypeScript type is known for ${JSON.stringify(schema)}`)
  return [scalar]
}

const print = (schema: Schema, indent = ''): string => union(typesOf(schema, indent), indent)

const toSchema = (schema: z.ZodType): Schema => z.toJSONSchema(schema, { io: 'input' }) as Schema // zod's own type has many more keywords

/** TypeScript of every named schema and every query of the endpoint table, as they are on the wire. */
export const printTypes = (endpoints: readonly Endpoint[]): string => {
  const types = new Map<string, Schema>()
  for (const row of endpoints) {
    for (const part of [row.body, row.response]) {
      if (!part) continue
      for (const [name, schema] of Object.entries(toSchema(part).$defs ?? {})) types.set(name, schema)
    }
    if (row.query) types.set(`${pascal(row.id)}Query`, toSchema(row.query))
  }
  const printed = [...types]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, schema]) => `${comment(schema, '')}export type ${name} = ${print(schema)}\n`.replace(' = \n', ' =\n'))
  return [HEAD, ...printed].join('\n')
}
