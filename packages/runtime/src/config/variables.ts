import { type KeyVariable, KINDS } from '@automagik-spark/adapters'
import { MAX_TIMEOUT } from '@automagik-spark/core'
import { z } from 'zod'
import { LOG_FORMATS, LOG_LEVELS } from '../log/logger.ts'
import {
  apiKey,
  corsOrigins,
  discoveryPorts,
  encryptionKey,
  encryptionKeys,
  hostList,
  listenHost,
  mongoUri,
  oneOf,
  postgresUrl,
  publicUrl,
  sourceKey,
  sourcePolicy,
  USUAL_PLACES,
  wholeNumber,
  yesNo,
} from './values.ts'

/** Which command reads the environment: API and worker in one process, one of them alone, or a command on the database. */
export type Role = 'start' | 'api' | 'worker' | 'db'

type About = {
  /** What the variable means, for the docs and `.env.example`. */
  description: string
  read_by: Role[]
  /** Its value is never shown, not even in an error, and it may come from a file. */
  secret?: true
  /** What holds when it is unset, where that is not a constant. */
  unset?: string
  /** For `.env.example`, where there is no default. */
  example?: string
}
const about = (text: About): About => text

const SERVES: Role[] = ['start', 'api']
const RUNS: Role[] = ['start', 'worker']
const BOTH: Role[] = ['start', 'api', 'worker']
const ALL: Role[] = ['start', 'api', 'worker', 'db']

const MEBIBYTE = 1024 * 1024

/** A key for each kind of flow server. */
const sourceKeys = Object.fromEntries(
  Object.values(KINDS).map(({ name, key_variable }) => [
    key_variable,
    sourceKey.optional().meta(
      about({
        description: `The key that Spark tries on each ${name} server that it finds and that wants one.`,
        read_by: SERVES,
        secret: true,
        unset: 'none',
        example: 'the-key-of-that-server',
      }),
    ),
  ]),
) as Record<KeyVariable, ReturnType<typeof sourceKey.optional>> // one for each row of KINDS

/** Every variable that Spark reads. The table in docs/configuration.md and `.env.example` are generated from it. */
export const Environment = z.object({
  SPARK_API_KEY: apiKey.optional().meta(
    about({
      description: 'The root API key, 16 characters or more. A worker needs none.',
      read_by: SERVES,
      secret: true,
      example: 'change-me-to-a-long-random-key',
      unset:
        'made on the first embedded start, kept in the data directory and printed once; required with `DATABASE_URL`',
    }),
  ),
  API_HOST: listenHost.optional().meta(
    about({
      description: 'The address that the API listens on.',
      read_by: SERVES,
      unset: '`127.0.0.1` with the embedded PostgreSQL, else `0.0.0.0`',
      example: '127.0.0.1',
    }),
  ),
  API_PORT: wholeNumber(0, 65535)
    .prefault('8883')
    .meta(
      about({
        description: 'The port that the API listens on; `0` takes any free one and prints it.',
        read_by: SERVES,
      }),
    ),
  SPARK_PUBLIC_URL: publicUrl.optional().meta(
    about({
      description:
        'The URL of the API for users, when a proxy stands before it: scheme, host and perhaps a path. `Location`, the links to the documentation and the servers in OpenAPI use it. The proxy may strip the path from requests or not.',
      read_by: SERVES,
      unset: 'the listening address, and the path in the `X-Forwarded-Prefix` of a proxy',
      example: 'https://tools.example.com/spark',
    }),
  ),
  CORS_ORIGINS: corsOrigins.prefault('*').meta(
    about({
      description:
        'Web origins that may call the API, separated by commas, such as `https://spark.example.com`. `*` means any, without credentials.',
      read_by: SERVES,
    }),
  ),
  DATABASE_URL: postgresUrl.optional().meta(
    about({
      description: 'PostgreSQL 14 or later. A direct connection, not a transaction pooler: Spark needs LISTEN.',
      read_by: ALL,
      secret: true,
      unset: 'an embedded PostgreSQL in the data directory',
      example: 'postgresql://spark:password@localhost:5432/spark',
    }),
  ),
  MONGODB_URI: mongoUri.optional().meta(
    about({
      description: 'MongoDB for the wake-ups of Agenda. MongoDB and PostgreSQL together are the production set-up.',
      read_by: BOTH,
      secret: true,
      unset: 'the wake-ups are in PostgreSQL',
      example: 'mongodb://localhost:27017/spark',
    }),
  ),
  SPARK_DATA_DIR: z
    .string()
    .prefault('.spark')
    .meta(
      about({
        description:
          'The folder of the embedded database and the generated keys, relative to the working directory. A service sets an absolute path, such as `/var/lib/spark`: from another directory it would start empty.',
        read_by: ALL,
      }),
    ),
  SPARK_ENCRYPTION_KEY: encryptionKey.optional().meta(
    about({
      description:
        'Encrypts the API keys of sources: 32 random bytes as base64 or hex, for example from `openssl rand -base64 32`.',
      read_by: BOTH,
      secret: true,
      example: 'MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=',
      unset: 'made on the first embedded start and kept in the data directory; required with `DATABASE_URL`',
    }),
  ),
  SPARK_ENCRYPTION_KEY_PREVIOUS: encryptionKeys.prefault('').meta(
    about({
      description: 'Earlier encryption keys, separated by commas. Spark still decrypts with them.',
      read_by: BOTH,
      secret: true,
      unset: 'none',
    }),
  ),
  SPARK_HTTP_TIMEOUT: wholeNumber(1, MAX_TIMEOUT)
    .prefault('600')
    .meta(
      about({
        description: `Seconds that one call of a flow may take, 1 to ${MAX_TIMEOUT}.`,
        read_by: BOTH,
      }),
    ),
  SPARK_WORKER_CONCURRENCY: wholeNumber(1, 1000)
    .prefault('50')
    .meta(
      about({
        description: 'Runs at once in one worker process, 1 to 1000.',
        read_by: RUNS,
      }),
    ),
  SPARK_DRAIN_TIMEOUT: wholeNumber(0, 3600)
    .prefault('25')
    .meta(
      about({
        description: 'Seconds that running calls get after SIGTERM, 0 to 3600.',
        read_by: BOTH,
      }),
    ),
  SPARK_SHUTDOWN_DELAY: wholeNumber(0, 300)
    .prefault('0')
    .meta(
      about({
        description:
          'Seconds that the API goes on serving after SIGTERM, 0 to 300, while `/ready` is 503 and every answer has `Connection: close`: time for a load balancer to notice. Set 5 behind one.',
        read_by: SERVES,
      }),
    ),
  SPARK_MAX_OUTPUT_BYTES: wholeNumber(1024, 10 * MEBIBYTE)
    .prefault(String(MEBIBYTE))
    .meta(
      about({
        description:
          'Bytes up to which an answer is kept as a whole, 1024 to 10485760; of a longer answer only the text is kept, up to as many bytes.',
        read_by: RUNS,
      }),
    ),
  SPARK_DISCOVERY: yesNo.optional().meta(
    about({
      description:
        'Whether the API looks for flow servers on this machine when it starts. Each becomes a source once; never again after that source was deleted.',
      read_by: SERVES,
      unset: '`true` with the embedded PostgreSQL, else `false`',
      example: 'false',
    }),
  ),
  SPARK_DISCOVERY_PORTS: discoveryPorts.prefault(USUAL_PLACES).meta(
    about({
      description: 'The ports of localhost where it looks, as a comma list of type:port.',
      read_by: SERVES,
    }),
  ),
  ...sourceKeys,
  SPARK_TLS_INSECURE_HOSTS: hostList.prefault('').meta(
    about({
      description: 'Hosts whose TLS certificates are not verified, separated by commas.',
      read_by: BOTH,
      unset: 'none',
      example: 'langflow.internal',
    }),
  ),
  SPARK_SOURCE_POLICY: sourcePolicy.prefault('private').meta(
    about({
      description:
        'Which addresses a source may have: `private` (any, also localhost and private networks), `public` (those are refused), or a comma list of allowed hosts and CIDRs. Link-local and cloud-metadata addresses are always refused.',
      read_by: BOTH,
    }),
  ),
  LOG_LEVEL: oneOf(LOG_LEVELS)
    .prefault('info')
    .meta(
      about({
        description: LOG_LEVELS.map((level) => `\`${level}\``).join(', ') + '.',
        read_by: ALL,
      }),
    ),
  LOG_FORMAT: oneOf(LOG_FORMATS)
    .optional()
    .meta(
      about({
        description: '`json` goes to standard output, `pretty` to standard error.',
        read_by: ALL,
        unset: '`pretty` on a terminal, else `json`',
        example: 'json',
      }),
    ),
})
export type Variable = keyof typeof Environment.shape

/** Names that the earlier Python release used. */
const ALIASES: Partial<Record<Variable, string>> = {
  SPARK_API_KEY: 'AUTOMAGIK_SPARK_API_KEY',
  API_HOST: 'AUTOMAGIK_SPARK_API_HOST',
  API_PORT: 'AUTOMAGIK_SPARK_API_PORT',
  CORS_ORIGINS: 'AUTOMAGIK_SPARK_API_CORS',
  SPARK_HTTP_TIMEOUT: 'AUTOMAGIK_SPARK_HTTP_TIMEOUT',
}

// A literal object has these keys and no others, and each schema above carries an About.
export const VARIABLES = Object.keys(Environment.shape) as Variable[]
export const aboutVariable = (name: Variable): About => Environment.shape[name].meta() as About

/** A variable and its earlier name. */
export const namesOf = (variable: Variable): string[] => {
  const alias = ALIASES[variable]
  return alias === undefined ? [variable] : [variable, alias]
}
