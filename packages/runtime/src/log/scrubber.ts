import { HIDDEN, hideForms, secretForms } from '@automagik-spark/core'
import { hideNamed } from './named-secrets.ts'

const DEEPEST = 20

const secretName =
  /^(.*[-_.])?(api[-_]?key|encryption[-_]?key(s|[-_]previous)?|private[-_]?key|authorization|cookie|password|passphrase|secret|token)$|^(key|input[-_](value|data)|output[-_]data|tweaks)$/i

/** Finds lines that may hold a secret; all others are written unchanged. */
const suspicious = /key|authorization|cookie|pass(word|phrase)|secret|token|(in|out)put_|tweaks|:\/\/[^\s/?#"]*@/i

/** Up to so many forms each is searched; above it only those whose first letters occur in the text. */
const FEW_FORMS = 64
/** The length of the shortest form. */
const START = 6

/** Every form of each known secret. Secrets are read again each time, as more may come. */
const makeKnownForms = (secrets: Iterable<string>) => {
  const known = new Set<string>()
  const all: string[] = []
  const byStart = new Map<string, string[]>()
  const learn = (secret: string) => {
    known.add(secret)
    for (const form of secretForms(secret)) {
      all.push(form)
      const start = form.slice(0, START)
      const same = byStart.get(start) ?? []
      same.push(form)
      byStart.set(start, same)
    }
  }
  /** The forms that may occur in a text. */
  return (text: string): string[] => {
    for (const secret of secrets) if (!known.has(secret)) learn(secret)
    if (all.length <= FEW_FORMS) return all
    const found = new Set<string>()
    for (let at = 0; at + START <= text.length; at++)
      for (const form of byStart.get(text.slice(at, at + START)) ?? []) found.add(form)
    return [...found]
  }
}

/** Removes secrets from finished JSON log lines: known secrets, fields with a secret's name, passwords in addresses. */
export const makeScrubber = (secrets: Iterable<string>) => {
  const formsIn = makeKnownForms(secrets)

  const cleanText = (text: string): string => {
    const clean = hideForms(text, formsIn(text))
    return suspicious.test(clean) ? hideNamed(clean) : clean
  }

  const cleanValue = (value: unknown, depth = 0): unknown => {
    if (typeof value === 'string') return cleanText(value)
    if (typeof value === 'number')
      return formsIn(String(value)).some((form) => String(value).includes(form)) ? HIDDEN : value
    if (typeof value !== 'object' || value === null) return value
    if (depth > DEEPEST) return HIDDEN
    if (Array.isArray(value)) return value.map((item) => cleanValue(item, depth + 1))
    return Object.fromEntries(
      Object.entries(value).map(([name, item]) => [
        cleanText(name),
        secretName.test(name) && item !== null && item !== '' ? HIDDEN : cleanValue(item, depth + 1),
      ]),
    )
  }

  return {
    /** Returns one line without secrets, whatever was logged. */
    line(line: string): string {
      const body = line.trimEnd()
      // Works on the parsed line: replacing in the text could break the JSON or miss an escaped form.
      if (!suspicious.test(body) && !formsIn(body).some((form) => body.includes(form))) return `${body}\n`
      try {
        return `${JSON.stringify(cleanValue(JSON.parse(body)))}\n`
      } catch {
        return `${JSON.stringify({ level: 'error', msg: 'a log line was left out: it could not be checked for secrets' })}\n`
      }
    },
    text: cleanText,
  }
}
