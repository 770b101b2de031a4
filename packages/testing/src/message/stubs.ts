import { loadAnswers } from '../langflow/answers.ts'
import type { Prepared } from '../server/http.ts'
import { type ServerOptions, startStubServer, type StubServer } from '../server/stub-server.ts'
import { type AgentsVersion, makeAgentsRecogniser } from './agents.ts'
import { type HiveVersion, makeHiveRecogniser } from './hive.ts'
import { loadMessages, type Recogniser } from './manners.ts'

type Options = ServerOptions & {
  /** The one valid key. Null: none is needed, as recorded from Hive 0.2.0 with its check off. */
  key?: string | null
}
export type StubHiveOptions = Options & { version?: HiveVersion }
export type StubAgentsOptions = Options & { version?: AgentsVersion }

/** Neither was recorded with a web page: this is Langflow's. */
const page = (): Prepared => {
  const { status, headers, body, from } = loadAnswers({ version: '1.7.3', key: null, frontend: true }).html
  return { from, status, headers, pieces: body({ input: null, session_id: '', tweaks: [], ref: '', location: '' }) }
}

type Named<Version> = StubServer & { version: Version }
type Start<Version> = {
  name: string
  version: Version
  folders: string[]
  key: string | null
  recogniser: Recogniser
  options: ServerOptions
}

const start = async <Version extends string>({
  name,
  version,
  folders,
  key,
  recogniser,
  options,
}: Start<Version>): Promise<Named<Version>> => {
  const html = page()
  const manners = (good: string | null) => loadMessages({ folders, key: good, recogniser, html }).manners
  return Object.assign(await startStubServer({ name: `${name} ${version}`, key, manners, flows: {} }, options), {
    version,
  })
}

/** An Automagik Hive that answers only what real ones were recorded to answer. */
export const startStubHive = ({ version = '1.0.0rc6', key = 'hive-stub', ...options }: StubHiveOptions = {}): Promise<
  Named<HiveVersion>
> => {
  if (key === null && version !== '0.2.0')
    throw new Error(`Hive ${version} was not recorded without a key; use version 0.2.0`)
  const folders = key === null ? ['hive-0.2.0-auth-off', 'hive-0.2.0'] : [`hive-${version}`]
  return start({ name: 'Hive', version, folders, key, recogniser: makeHiveRecogniser(version), options })
}
export type StubHive = Named<HiveVersion>

/** An Automagik Agents server, likewise. */
export const startStubAgents = ({
  version = '0.6.19',
  key = 'agents-stub',
  ...options
}: StubAgentsOptions = {}): Promise<Named<AgentsVersion>> => {
  if (key === null) throw new Error(`Agents ${version} was not recorded without a key`)
  return start({
    name: 'Agents',
    version,
    folders: [`agents-${version}`],
    key,
    recogniser: makeAgentsRecogniser(version),
    options,
  })
}
export type StubAgents = Named<AgentsVersion>
