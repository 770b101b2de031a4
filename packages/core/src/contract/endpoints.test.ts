import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { endpoints } from './endpoints.ts'

describe('the endpoint table', () => {
  it('has each id once, and each method of a path once', () => {
    const ids = endpoints.map(({ id }) => id)
    expect(new Set(ids).size).toBe(ids.length)
    const calls = endpoints.map(({ root, method, path }) => `${method} ${root ? '' : '/api/v1'}${path}`)
    expect(new Set(calls).size).toBe(calls.length)
  })
})

describe.each(endpoints)('$id', ({ path, params, query, body, response, method }) => {
  it('names in its path exactly what it reads from it', () => {
    const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name)
    expect(params instanceof z.ZodObject ? Object.keys(params.shape) : []).toEqual(names)
  })

  it('knows every field of its query and its body, so that an unknown one is refused', () => {
    for (const schema of [query, body]) {
      if (!schema) continue
      const objects =
        schema instanceof z.ZodUnion ? schema.options.filter((option) => option instanceof z.ZodObject) : [schema]
      for (const object of objects)
        expect((object as z.ZodObject).safeParse({ surely_unknown: 1 }).error?.issues).toContainEqual(
          expect.objectContaining({ code: 'unrecognized_keys' }),
        )
    }
  })

  it('has a body only where one is sent', () => {
    if (method === 'get' || method === 'delete') expect(body).toBeUndefined()
  })

  it('has a response that can be encoded, without transforms and defaults', () => {
    // A transform has no way back, and a default would make OpenAPI call the field optional.
    const kinds = new Set<string>()
    const visit = (schema: z.core.$ZodType): void => {
      const { def } = schema._zod
      kinds.add(def.type)
      if (schema instanceof z.ZodObject) Object.values(schema.shape).forEach(visit)
      else if (schema instanceof z.ZodArray) visit(schema.element)
      else if (schema instanceof z.ZodNullable || schema instanceof z.ZodOptional) visit(schema.unwrap())
      else if (schema instanceof z.ZodUnion) schema.options.forEach(visit)
    }
    visit(response)
    expect([...kinds].filter((kind) => ['transform', 'default', 'prefault', 'catch'].includes(kind))).toEqual([])
  })
})
