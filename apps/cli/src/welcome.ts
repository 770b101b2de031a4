type Started = {
  url: string
  /** The key that Spark generated, and its file; null when the environment sets the key. */
  made_api_key: { value: string; file: string; created: boolean } | null
  /** Null when Spark needs none: the environment names the database and the keys. */
  data_dir: { dir: string; isNew: boolean } | null
}

/** What a person needs after a start: the address, the key, and the next step. */
export const welcome = ({ url, made_api_key, data_dir }: Started): string => {
  const lines = ['', `Spark is ready at ${url}`]
  if (data_dir)
    lines.push(
      `  Data      ${data_dir.dir}${data_dir.isNew ? ' (new, so this Spark is empty; SPARK_DATA_DIR names another)' : ''}`,
    )
  if (made_api_key) {
    const { value, file, created } = made_api_key
    lines.push(created ? `  API key   ${value}` : `  API key   in ${file}`)
    if (created) lines.push(`            shown this once; it is kept in ${file}`)
  } else {
    lines.push('  API key   the one in SPARK_API_KEY, or in the file that SPARK_API_KEY_FILE names')
  }
  lines.push(
    `  API docs  ${url}/api/v1/docs`,
    '  Next      connect a flow server, in another terminal:',
    `            curl -X POST ${url}/api/v1/sources -H "X-API-Key: ${made_api_key ? `$(cat '${made_api_key.file}')` : '$SPARK_API_KEY'}" \\`,
    `              -H 'Content-Type: application/json' -d '{"url": "http://localhost:7860", "api_key": "<key of your Langflow>"}'`,
    '  Stop      Ctrl-C',
    '',
    '',
  )
  return lines.join('\n')
}
