import { HIDDEN, hideForms, secretForms } from '@automagik-spark/core'
import { hideNamed } from './named-secrets.ts'

const DEEPEST = 20

const secretName =
  /^(.*[-_.])?(api[-_]?key|encryption[-_]?key(s|[-_]previous)?|private[-_]?key|authorization|cookie|password|passphrase|secret|token)$|^(key|input[-_](value|data)|output[-_]data|tweaks)$/i

/** Finds lines that may need work, so that all others go out as they are. */
const suspicious = /key|authorization|cookie|pass(word|phrase)|secret|token|(in|out)put_|tweaks|:\/\/[^\s/?#"]*@/i

/** Takes out of finished JSON log lines what a reader of logs must not see: known secrets, fields that hold secrets, passwords in addresses. */
export const makeScrubber = (secrets: Iterable<string>) => {
  const forms = new Map<string, string[]>()
  /** Every way in which a known secret may be written. */
  const known = (): string[] => {
    const all: string[] = []
    for (const secret of secrets) {
      let own = forms.get(secret)
      if (!own) forms.set(secret, (own = secretForms(secret)))
      all.push(...own)
    }
    return all
  }

  const cleanText = (text: string, hidden: string[]): string => {
    const clean = hideForms(text, hidden)
    return suspicious.test(clean) ? hideNamed(clean) : clean
  }

  const cleanValue = (value: unknown, hidden: string[], depth = 0): unknown => {
    if (typeof value === 'string') return cleanText(value, hidden)
    if (typeof value === 'number') return hidden.some((form) => String(value).includes(form)) ? HIDDEN : value
    if (typeof value !== 'object' || value === null) return value
    if (depth > DEEPEST) return HIDDEN
    if (Array.isArray(value)) return value.map((item) => cleanValue(item, hidden, depth + 1))
    return Object.fromEntries(
      Object.entries(value).map(([name, item]) => [
        cleanText(name, hidden),
        secretName.test(name) && item !== null && item !== '' ? HIDDEN : cleanValue(item, hidden, depth + 1),
      ]),
    )
  }

  return {
    /** The line with everything hidden that must be; one line whatever was logged. */
    line(line: string): string {
      const hidden = known()
      const body = line.trimEnd()
      // By the parsed line and not by its text: a replacement can then neither break the JSON nor miss an escaped form.
      if (!suspicious.test(body) && !hidden.some((form) => body.includes(form))) return `${body}\n`
      try {
        return `${JSON.stringify(cleanValue(JSON.parse(body), hidden))}\n`
      } catch {
        return `${JSON.stringify({ level: 'error', msg: 'a log line was left out: it could not be checked for secrets' })}\n`
      }
    },
    text: (text: string): string => cleanText(text, known()),
  }
}
