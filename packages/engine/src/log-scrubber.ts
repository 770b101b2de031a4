const HIDDEN = '[hidden]'
/** A shorter text would be found inside ordinary words. */
const SHORTEST_SECRET = 6
const DEEPEST = 20

const secretName =
  /^(.*[-_.])?(api[-_]?key|encryption[-_]?key(s|[-_]previous)?|private[-_]?key|authorization|cookie|password|passphrase|secret|token)$|^(key|input[-_](value|data)|output[-_]data|tweaks)$/i

/** Finds lines that may need work, so that all others go out as they are. */
const suspicious = /key|authorization|cookie|pass(word|phrase)|secret|token|(in|out)put_|tweaks|:\/\/[^\s/?#"]*@/i

const userInfo = /([a-z][a-z0-9+.-]*:\/\/)[^\s/?#"'\\]+@/gi
/** A header, or a field of JSON that stands in a text: plain, or escaped once more as often as it was put into another. */
const named = '(?:(?:x-)?api[-_]?key|(?:proxy-)?authorization|(?:set-)?cookie|password|secret|(?:[a-z]+[-_])?token|input_(?:value|data))'
const quotedField = new RegExp(`(["']?\\b${named}["']?\\s*[:=]\\s*)(?:"(?:\\\\.|[^"\\\\])*"?|'(?:\\\\.|[^'\\\\])*'?)`, 'gis')
const escapedField = new RegExp(`(\\\\+"${named}\\\\+"\\s*:\\s*)(\\\\+)".*?(?<!\\\\)\\2"`, 'gis')
const header = /\b((?:x-)?api[-_]key|(?:proxy-)?authorization|(?:set-)?cookie)(\s*:\s*)(?:(?:bearer|basic)\s+\S+|(?=[^\s]*[\d_-])[^\s"',;]{6,})/gi
const parameter = /\b((?:x-)?api[-_]?key|password|secret|token)=[^\s&"',;]+/gi

/** Takes out of finished JSON log lines what a reader of logs must not see: known secrets, fields that hold secrets, passwords in addresses. */
export const makeScrubber = (secrets: Iterable<string>) => {
  const forms = new Map<string, string[]>()
  /** Every way in which a known secret may be written. */
  const known = (): string[] => {
    const all: string[] = []
    for (const secret of secrets) {
      if (secret.length < SHORTEST_SECRET) continue
      let own = forms.get(secret)
      if (!own) forms.set(secret, (own = formsOf(secret)))
      all.push(...own)
    }
    return all
  }

  const cleanText = (text: string, hidden: string[]): string => {
    let clean = text
    for (const form of hidden) clean = clean.replaceAll(form, HIDDEN)
    if (!suspicious.test(clean)) return clean
    return clean
      .replace(userInfo, `$1${HIDDEN}@`)
      .replace(escapedField, `$1$2"${HIDDEN}$2"`)
      .replace(quotedField, `$1"${HIDDEN}"`)
      .replace(header, `$1$2${HIDDEN}`)
      .replace(parameter, `$1=${HIDDEN}`)
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

/** As it is, inside JSON, and inside a URL. */
const formsOf = (secret: string): string[] => [...new Set([secret, JSON.stringify(secret).slice(1, -1), encodeURIComponent(secret.toWellFormed())])]
