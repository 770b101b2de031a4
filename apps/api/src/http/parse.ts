import type { FieldError } from '@automagik-spark/core'
import { DomainError } from '@automagik-spark/core'
import { z } from 'zod'
import { nearest } from './nearest.ts'

type Place = 'path' | 'query' | 'body'
type Issue = z.core.$ZodIssue

/** How many errors are listed: a request can hold thousands of unknown fields. */
const MAX_ERRORS = 20
const MAX_NAMED = 3
const MAX_NAME_LENGTH = 64

const kinds: Record<string, string> = {
  string: 'a string',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'an object',
  record: 'an object',
  array: 'an array',
  null: 'null',
}

/** The sentence for an issue without a message of its own. */
const plainWords: z.core.$ZodErrorMap = (issue) => {
  if (issue.code === 'invalid_type')
    return kinds[issue.expected] ? `must be ${kinds[issue.expected]}` : 'is not of the right type'
  if (issue.code === 'invalid_value') return `must be one of ${issue.values.map(String).join(', ')}`
  if (issue.code === 'too_big')
    return issue.origin === 'string'
      ? `must have at most ${issue.maximum} characters`
      : `must be at most ${issue.maximum}`
  if (issue.code === 'too_small')
    return issue.origin === 'string'
      ? `must have at least ${issue.minimum} characters`
      : `must be at least ${issue.minimum}`
  return 'is not valid'
}

/** The fields of an object schema; of a union, those of all its objects. */
const fieldsOf = (schema: z.ZodType): string[] => {
  if (schema instanceof z.ZodObject) return Object.keys(schema.shape)
  if (schema instanceof z.ZodUnion)
    return schema.options.flatMap((option) => (option instanceof z.ZodType ? fieldsOf(option) : []))
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable) {
    const inner = schema.unwrap()
    return inner instanceof z.ZodType ? fieldsOf(inner) : []
  }
  return []
}

const at = (value: unknown, path: readonly PropertyKey[]): unknown =>
  path.reduce<unknown>(
    (node, key) =>
      typeof node === 'object' && node !== null && Object.hasOwn(node, key) ? Reflect.get(node, key) : undefined,
    value,
  )

const unknownField = (name: string, known: readonly string[], what: string): string => {
  if (known.length === 0) return `unknown ${what}, none is known here`
  const like = nearest(name, known)
  return like ? `unknown ${what}, did you mean "${like}"?` : `unknown ${what}; known: ${known.join(', ')}`
}

const isUnknown = ({ message }: FieldError) => message.startsWith('unknown ')

/** Makes a parser that throws one `DomainError` with all errors. */
export const makeParse = (schema: z.ZodType, place: Place) => {
  const known = fieldsOf(schema)
  const what = place === 'query' ? 'parameter' : 'field'

  const explain = (issue: Issue, value: unknown): FieldError[] => {
    const path = issue.path.map(String).join('.') || place
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.slice(0, MAX_ERRORS).map((key) => ({
        path: [...issue.path.map(String), key.slice(0, MAX_NAME_LENGTH)].join('.'),
        message: issue.path.length === 0 ? unknownField(key, known, what) : `unknown ${what}`,
      }))
    }
    if (issue.code === 'invalid_union') {
      // The branch that was meant: its type fits, and only something inside is wrong.
      const meant = issue.errors.find(
        (branch) =>
          branch.length > 0 && branch.every((inner) => inner.path.length > 0 || inner.code === 'unrecognized_keys'),
      )
      if (meant) return meant.flatMap((inner) => explain({ ...inner, path: [...issue.path, ...inner.path] }, value))
    }
    if (issue.path.length > 0 && at(value, issue.path) === undefined) {
      const hint = issue.message.startsWith('must ') ? ` and ${issue.message}` : ''
      return [{ path, message: `is required${hint}` }]
    }
    return [{ path, message: issue.message }]
  }

  const failure = (issues: readonly Issue[], value: unknown): DomainError => {
    // A misspelt name first: it is the likely cause of the others.
    const found = issues.flatMap((issue) => explain(issue, value))
    const errors = [...found.filter(isUnknown), ...found.filter((error) => !isUnknown(error))].slice(0, MAX_ERRORS)
    // A known name stands as it is; an unknown one in quotes, with control characters escaped.
    const label = (path: string) =>
      /^[\w.-]+$/.test(path) && !errors.some((error) => error.path === path && isUnknown(error))
        ? path
        : JSON.stringify(path)
    const named = errors.slice(0, MAX_NAMED).map(({ path, message }) => `${label(path)}: ${message}`)
    const rest = errors.length - named.length
    return new DomainError('invalid', named.join('; ') + (rest > 0 ? `; and ${rest} more` : ''), { errors })
  }

  return (value: unknown): unknown => {
    const result = schema.safeParse(value, { error: plainWords })
    if (result.success) return result.data
    throw failure(result.error.issues, value)
  }
}
