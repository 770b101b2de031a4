import { DomainError } from '@automagik-spark/core'

/** The parameters of a URL. Nothing nests, and a name that is given twice is refused. */
export const parseQuery = (url: string): Record<string, string> => {
  const start = url.indexOf('?')
  if (start === -1 || start === url.length - 1) return {}
  const values = new Map<string, string>()
  for (const [name, value] of new URLSearchParams(url.slice(start + 1))) {
    if (values.has(name)) {
      const path = name.slice(0, 64)
      throw new DomainError('invalid', `${JSON.stringify(path)}: is given twice`, {
        errors: [{ path, message: 'is given twice' }],
      })
    }
    values.set(name, value)
  }
  // Unlike an assignment, this makes `__proto__` an ordinary key.
  return Object.fromEntries(values)
}
