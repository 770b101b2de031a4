import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { ConfigError, loadConfig, secretsOf } from './config.ts'
import type { Role } from './variables.ts'

const API_KEY = 'spark_' + randomBytes(32).toString('base64url')
const KEY = randomBytes(32)
const DATABASE_URL = 'postgresql://spark:canary@db:5432/spark'
const complete = { DATABASE_URL, SPARK_API_KEY: API_KEY, SPARK_ENCRYPTION_KEY: KEY.toString('base64') }

const problems = (env: Record<string, string | undefined>, role: Role = 'start'): string[] => {
  try {
    loadConfig(env, role)
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  return []
}

describe('loadConfig', () => {
  it.each(['start', 'api', 'worker', 'db'] as const)(
    'needs nothing for an embedded %s, and has the documented defaults',
    (role) => {
      expect(loadConfig({}, role)).toEqual({
        embedded: true,
        api_key: null,
        api_host: '127.0.0.1',
        api_port: 8883,
        public_url: null,
        cors_origins: '*',
        database_url: null,
        mongodb_uri: null,
        data_dir: '.spark',
        encryption_key: null,
        previous_encryption_keys: [],
        http_timeout_seconds: 600,
        worker_concurrency: 50,
        drain_timeout_seconds: 25,
        shutdown_delay_seconds: 0,
        max_output_bytes: 1048576,
        tls_insecure_hosts: [],
        source_policy: { mode: 'private', hosts: [], ranges: [] },
        discovery: {
          places: [
            { source_type: 'langflow', port: 7860 },
            { source_type: 'automagik-hive', port: 8886 },
            { source_type: 'automagik-agents', port: 8881 },
          ],
          keys: {},
        },
        log_level: 'info',
        log_format: null,
        warnings: [],
      })
    },
  )

  it('listens on every address when PostgreSQL is given, unless told otherwise', () => {
    expect(loadConfig(complete, 'start')).toMatchObject({
      embedded: false,
      api_host: '0.0.0.0',
      database_url: DATABASE_URL,
    })
    expect(loadConfig({ ...complete, API_HOST: '::1' }, 'start').api_host).toBe('::1')
    expect(loadConfig({ API_HOST: '0.0.0.0' }, 'start')).toMatchObject({ embedded: true, api_host: '0.0.0.0' })
  })

  it('looks for flow servers when it is embedded, unless told otherwise', () => {
    expect(loadConfig(complete, 'start').discovery).toBeNull()
    expect(loadConfig({ SPARK_DISCOVERY: 'off' }, 'start').discovery).toBeNull()
    const env = {
      ...complete,
      SPARK_DISCOVERY: 'TRUE',
      SPARK_DISCOVERY_PORTS: 'langflow:7861, automagik-hive:1',
      LANGFLOW_API_KEY: 'sk-1',
      HIVE_API_KEY: 'h',
      AGENTS_API_KEY: 'a',
    }
    expect(loadConfig(env, 'start').discovery).toEqual({
      places: [
        { source_type: 'langflow', port: 7861 },
        { source_type: 'automagik-hive', port: 1 },
      ],
      keys: { langflow: 'sk-1', 'automagik-hive': 'h', 'automagik-agents': 'a' },
    })
    expect(secretsOf(loadConfig(env, 'start')).has('sk-1')).toBe(true)
    for (const bad of ['langflow', 'langflow:0', 'langflow:99999', 'hive:8886', 'langflow:1:2'])
      expect(problems({ SPARK_DISCOVERY_PORTS: bad })).toEqual([expect.stringContaining('comma list of type:port')])
    expect(problems({ SPARK_DISCOVERY: 'maybe' })).toEqual([expect.stringContaining('must be true or false')])
  })

  it.each<[Role, string[]]>([
    ['start', ['SPARK_API_KEY', 'SPARK_ENCRYPTION_KEY']],
    ['api', ['SPARK_API_KEY', 'SPARK_ENCRYPTION_KEY']],
    ['worker', ['SPARK_ENCRYPTION_KEY']],
    ['db', []],
  ])('with DATABASE_URL, %s needs the keys %j', (role, names) => {
    expect(problems({ DATABASE_URL }, role).map((line) => line.split(' ')[0])).toEqual(names)
    expect(problems(complete, role)).toEqual([])
  })

  it('reads every variable', () => {
    const previous = [randomBytes(32), randomBytes(32)]
    expect(
      loadConfig(
        {
          ...complete,
          SPARK_ENCRYPTION_KEY: KEY.toString('hex'),
          SPARK_ENCRYPTION_KEY_PREVIOUS: previous.map((key) => key.toString('base64')).join(', '),
          API_PORT: '0',
          CORS_ORIGINS: 'https://a.example.com, http://localhost:3000/',
          MONGODB_URI: 'mongodb://u:p@a:1,b:2/spark?replicaSet=r',
          SPARK_DATA_DIR: '/var/lib/spark',
          SPARK_HTTP_TIMEOUT: '3600',
          SPARK_WORKER_CONCURRENCY: '1',
          SPARK_DRAIN_TIMEOUT: '0',
          SPARK_SHUTDOWN_DELAY: '5',
          SPARK_MAX_OUTPUT_BYTES: '2048',
          SPARK_TLS_INSECURE_HOSTS: 'Flows.internal,[::1]',
          SPARK_SOURCE_POLICY: 'public',
          LOG_LEVEL: 'DEBUG',
          LOG_FORMAT: 'json',
        },
        'start',
      ),
    ).toMatchObject({
      api_key: API_KEY,
      encryption_key: KEY,
      previous_encryption_keys: previous,
      api_port: 0,
      cors_origins: ['https://a.example.com', 'http://localhost:3000'],
      mongodb_uri: 'mongodb://u:p@a:1,b:2/spark?replicaSet=r',
      data_dir: '/var/lib/spark',
      http_timeout_seconds: 3600,
      worker_concurrency: 1,
      drain_timeout_seconds: 0,
      shutdown_delay_seconds: 5,
      max_output_bytes: 2048,
      tls_insecure_hosts: ['flows.internal', '::1'],
      source_policy: { mode: 'public' },
      log_level: 'debug',
      log_format: 'json',
    })
  })

  it.each([
    ['https://tools.example.com', 'https://tools.example.com/'],
    ['https://tools.example.com/spark/', 'https://tools.example.com/spark'],
    ['http://10.0.0.1:8080/a/b', 'http://10.0.0.1:8080/a/b'],
    ['https://tools.example.com/spark/api/v1/', 'https://tools.example.com/spark'],
  ])('takes %s for the address that people use', (SPARK_PUBLIC_URL, expected) => {
    expect(loadConfig({ SPARK_PUBLIC_URL }, 'start').public_url?.href).toBe(expected)
  })
  it.each([
    'tools.example.com',
    '/spark',
    'ftp://a/b',
    'https://u:p@a/b',
    'https://a/b?c',
    'https://a/b#c',
    'https://a//b',
    'https://a/{b}',
    'https:///b c',
  ])('refuses %s as such', (SPARK_PUBLIC_URL) => {
    expect(problems({ SPARK_PUBLIC_URL })).toEqual([
      expect.stringContaining('must be an address such as https://tools.example.com/spark'),
    ])
  })

  it('counts empty and blank text as unset, and cuts blanks around a value', () => {
    expect(loadConfig({ DATABASE_URL: '', API_PORT: '  ', SPARK_HTTP_TIMEOUT: ' 60\r' }, 'start')).toMatchObject({
      embedded: true,
      api_port: 8883,
      http_timeout_seconds: 60,
    })
    expect(problems({ ...complete, SPARK_API_KEY: '' }, 'api')).toHaveLength(1)
  })

  it.each([
    ['AUTOMAGIK_SPARK_API_KEY', 'SPARK_API_KEY', 'api_key', 'an-old-Key-0123456789', 'a-new-Key-0123456789'],
    ['AUTOMAGIK_SPARK_API_HOST', 'API_HOST', 'api_host', '10.0.0.1', '10.0.0.2'],
    ['AUTOMAGIK_SPARK_API_PORT', 'API_PORT', 'api_port', '1', '2'],
    ['AUTOMAGIK_SPARK_API_CORS', 'CORS_ORIGINS', 'cors_origins', 'http://old', 'http://new'],
    ['AUTOMAGIK_SPARK_HTTP_TIMEOUT', 'SPARK_HTTP_TIMEOUT', 'http_timeout_seconds', '1', '2'],
  ] as const)('reads %s of the earlier release, and %s wins over it', (old, name, field, oldValue, newValue) => {
    const read = (env: Record<string, string>) => String(loadConfig(env, 'start')[field])
    expect(read({ [old]: oldValue })).toBe(oldValue)
    expect(read({ [old]: oldValue, [name]: newValue })).toBe(newValue)
    expect(read({ [old]: oldValue, [name]: '' })).toBe(oldValue)
  })

  it('names the variable as it was set', () => {
    expect(problems({ AUTOMAGIK_SPARK_API_PORT: 'x' })).toEqual([
      'AUTOMAGIK_SPARK_API_PORT (now API_PORT)="x" must be a whole number from 0 to 65535',
    ])
  })

  it('names the file that a secret came from, and shows neither', () => {
    const env = { SPARK_API_KEY: 'canary', SPARK_API_KEY_FILE: '/run/secrets/key', API_PORT: 'x', API_PORT_FILE: 'y' }
    expect(problems(env)).toEqual([
      'SPARK_API_KEY (from SPARK_API_KEY_FILE) has 6 characters; it must have 16 to 512',
      'API_PORT="x" must be a whole number from 0 to 65535',
    ])
    expect(problems({ AUTOMAGIK_SPARK_API_KEY: 'canary', AUTOMAGIK_SPARK_API_KEY_FILE: 'key' })).toEqual([
      expect.stringMatching(
        /^AUTOMAGIK_SPARK_API_KEY \(now SPARK_API_KEY\) \(from AUTOMAGIK_SPARK_API_KEY_FILE\) has 6 characters/,
      ),
    ])
  })

  it.each([
    ['API_PORT', ['-1', '65536', '80.5', '0x50', '1e3', 'http', '8883 8884']],
    ['API_HOST', ['http://localhost', 'localhost:80', '[::1]', '256.1.1.1', 'a b', '-a', '*']],
    [
      'CORS_ORIGINS',
      [
        'example.com',
        'https://a.com/path',
        'https://a.com?x',
        'https://*.a.com',
        '*,https://a.com',
        'null',
        'ftp://a.com',
        'https://u:p@a.com',
        'https:a.com',
        'https://a.com https://b.com',
        'https://',
      ],
    ],
    ['DATABASE_URL', ['mysql://db/x', 'db:5432', 'postgresql:/db', 'postgres://u:p#w@h:x/db', 'file:./db']],
    ['MONGODB_URI', ['mongo://db', 'http://db', 'mongodb://', 'mongodb:///x']],
    [
      'SPARK_API_KEY',
      [
        'short',
        'x'.repeat(16),
        'aaaabbbbccccdddd',
        'with a space in it',
        'ümlaut-0123456789',
        'change-me-to-a-long-random-key',
        'CHANGEME-0123456789',
        'your-api-key-goes-here',
        'k1'.repeat(300),
      ],
    ],
    [
      'SPARK_ENCRYPTION_KEY',
      [
        'short',
        KEY.toString('hex').slice(2),
        randomBytes(16).toString('base64'),
        `${KEY.toString('base64')}=`,
        '0'.repeat(64),
        '0123456789abcdef'.repeat(4),
        Buffer.from('correct horse battery staple, 32').toString('base64'),
        Buffer.from(Array.from({ length: 32 }, (_, i) => i)).toString('hex'),
        '5aQaTalKCAOAgOPFV_xZrQVzWgE80mseLFW-x_sa06o=',
      ],
    ],
    ['SPARK_ENCRYPTION_KEY_PREVIOUS', ['x', `${KEY.toString('base64')},x`]],
    ['SPARK_HTTP_TIMEOUT', ['0', '3601', '-5', '10s', '1,5']],
    ['SPARK_WORKER_CONCURRENCY', ['0', '1001', 'many']],
    ['SPARK_DRAIN_TIMEOUT', ['-1', '3601']],
    ['SPARK_MAX_OUTPUT_BYTES', ['1023', '10485761', '1MB']],
    ['SPARK_TLS_INSECURE_HOSTS', ['https://a', 'a:443', '*.a', '*', 'a b']],
    ['SPARK_SOURCE_POLICY', ['public,10.0.0.0/8', '10.0.0.0/99', 'http://a', '169.254.169.254']],
    ['LOG_LEVEL', ['loud', 'info,debug']],
    ['LOG_FORMAT', ['xml']],
  ])('refuses a bad %s with one line that says what is allowed', (name, values) => {
    for (const value of values) {
      const lines = problems({ ...complete, [name]: value })
      expect(lines, value).toHaveLength(1)
      expect(lines[0], value).toMatch(new RegExp(`^${name}\\b.* (must|is|has) `))
      expect(lines[0]).not.toContain('\n')
    }
  })

  it('reports every bad variable at once, in the order of the docs', () => {
    const lines = problems({ LOG_LEVEL: 'loud', API_PORT: 'x', DATABASE_URL: 'mysql://x', SPARK_HTTP_TIMEOUT: '0' })
    expect(lines.map((line) => /^\w+/.exec(line)?.[0])).toEqual([
      'SPARK_API_KEY',
      'API_PORT',
      'DATABASE_URL',
      'SPARK_ENCRYPTION_KEY',
      'SPARK_HTTP_TIMEOUT',
      'LOG_LEVEL',
    ])
  })

  it('never echoes a secret, whichever variable is wrong and wherever it was pasted', () => {
    const canaries = {
      SPARK_API_KEY: 'canary-key',
      SPARK_ENCRYPTION_KEY: 'canary-encryption',
      SPARK_ENCRYPTION_KEY_PREVIOUS: 'canary-previous',
      DATABASE_URL: 'postgres://u:canary#pw@h/db',
      MONGODB_URI: 'mongo://u:canary@h',
      AUTOMAGIK_SPARK_API_KEY: 'canary-old',
      CORS_ORIGINS: 'https://u:canary@a.com',
      API_HOST: 'canary-key',
      API_PORT: 'canary-key',
      LOG_FORMAT: 'x canary-encryption',
    }
    for (const [name, value] of Object.entries(canaries))
      expect(
        problems({ [name]: value })
          .join('\n')
          .replace(/API_(HOST|PORT)="canary-key"|LOG_FORMAT=".*?"/, ''),
      ).not.toContain('canary')
    expect(problems(canaries).join('\n')).not.toContain('canary')
  })

  it('reads only what its role uses', () => {
    expect(problems({ API_PORT: 'x', SPARK_API_KEY: 'short', CORS_ORIGINS: 'x' }, 'worker')).toEqual([])
    expect(problems({ API_PORT: 'x', SPARK_ENCRYPTION_KEY: 'x', SPARK_HTTP_TIMEOUT: 'x' }, 'db')).toEqual([])
    expect(problems({ SPARK_WORKER_CONCURRENCY: 'x' }, 'api')).toEqual([])
  })

  it('accepts a socket, several schemes and an unusual password in DATABASE_URL', () => {
    for (const url of [
      'postgres://h/db',
      'postgresql:///db?host=/var/run/postgresql',
      'POSTGRESQL://u:p%23%40@h:5432/db?sslmode=verify-full',
    ]) {
      expect(loadConfig({ DATABASE_URL: url }, 'db').database_url).toBe(url)
    }
  })

  it.each([
    'postgres://u:p@h:6432/db',
    'postgres://u:p@ep-x-pooler.eu.aws.neon.tech/db',
    'postgres://u:p@aws.pooler.supabase.com:6543/db',
    'postgres://u:p@h/db?pgbouncer=true',
  ])('warns that %s looks like a transaction pooler', (url) =>
    expect(loadConfig({ DATABASE_URL: url }, 'db').warnings).toEqual([
      expect.stringMatching(/^DATABASE_URL looks like a transaction pooler/),
    ]),
  )

  it('warns of hosts whose certificates are not verified, and of nothing by default', () => {
    expect(loadConfig({ SPARK_TLS_INSECURE_HOSTS: 'a.internal, b' }, 'worker').warnings).toEqual([
      expect.stringContaining('a.internal, b'),
    ])
    expect(loadConfig(complete, 'start').warnings).toEqual([])
  })
})

describe('secretsOf', () => {
  it('holds every secret in each form it may take', () => {
    const secrets = secretsOf(
      loadConfig(
        {
          ...complete,
          DATABASE_URL: 'postgres://u:p%40ss@h/db?password=other',
          MONGODB_URI: 'mongodb://u:m%2Fpw@a:1,b:2/x',
          SPARK_ENCRYPTION_KEY_PREVIOUS: KEY.toString('hex'),
        },
        'start',
      ),
    )
    expect(secrets).toEqual(
      new Set([
        API_KEY,
        KEY.toString('hex'),
        KEY.toString('base64'),
        KEY.toString('base64url'),
        'p%40ss',
        'p@ss',
        'other',
        'm%2Fpw',
        'm/pw',
      ]),
    )
  })

  it('is empty when nothing is set', () => {
    expect(secretsOf(loadConfig({}, 'start'))).toEqual(new Set())
  })
})
