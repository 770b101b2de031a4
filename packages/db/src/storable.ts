/** Writes NUL and half surrogate pairs as visible escapes: PostgreSQL refuses them in text (error 22021). */
export const storableText = (text: string): string =>
  text
    .replaceAll('\u0000', '\\u0000')
    .replace(
      /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g,
      (half) => `\\u${half.charCodeAt(0).toString(16)}`,
    )

/** The same for a jsonb column (error 22P05): there such characters are escapes already, and one more backslash makes them visible text. */
export const storableJson = (json: string): string =>
  json.replace(/(?<!\\)((?:\\\\)*)\\u(0000|d[89a-f][0-9a-f]{2})/gi, '$1\\\\u$2')
