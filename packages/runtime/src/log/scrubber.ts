import { HIDDEN, hideForms, secretForms } from '@automagik-spark/core'
import { hideNamed } from './named-secrets.ts'

const DEEPEST = 20

const secretName =
  /^(.*[-_.])?(api[-_]?key|encryption[-_]?key(s|[-_]previous)?|private[-_]?key|authorization|cookie|password|passphrase|secret|token)$|^(key|input[-_](value|data)|output[-_]data|tweaks)$/i

/** Finds lines that may need work, so that all others go out as they are. */
const suspicious = /key|authorization|cookie|pass(word|phrase)|secret|token|(in|out)put_|tweaks|:\/\/[^\s/?#"]*@/i

/** With so few forms each is looked for; with more, those alone whose first letters stand somewhere in the text. */
const FEW_FORMS = 64
/** No form is shorter. */
const START = 6

/** Every way in which a known secret may be written. Secrets are read anew each time, as they may become more. */
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
  /** Those that may stand in a text. */
  return (text: string): string[] => {
    for (const secret of secrets) if (!known.has(secret)) learn(secret)
    if (all.length <= FEW_FORMS) return all
    const found = new Set<string>()
    for (let at = 0; at + START <= text.length; at++)
      for (const form of byStart.get(text.slice(at, at + START)) ?? []) found.add(form)
    return [...found]
  }
}

/** Takes out of finished JSON log lines what a reader of logs must not see: known secrets, fields that hold secrets, passwords in addresses. */
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
    /** The line with everything hidden that must be; one line whatever was logged. */
    line(line: string): string {
      const body = line.trimEnd()
      // By the parsed line and not by its text: a replacement can then neither break the JSON nor miss an escaped form.
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
