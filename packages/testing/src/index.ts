export { certificate } from './certificate.ts'
export { makeRandom, randomExpressions, usualExpressions } from './cron-expressions.ts'
export { holdsEventLoop } from './event-loop.ts'
export { type FlowName, flowNames } from './langflow/flows.ts'
export { type MadeGraph, madeGraph } from './langflow/made.ts'
export { type LangflowVersion, langflowVersions } from './langflow/recorded.ts'
export type { StubLangflow, StubLangflowOptions } from './langflow/stub.ts'
export { startStubLangflow } from './langflow/stub.ts'
export { type AgentsVersion, agentsVersions } from './message/agents.ts'
export { type HiveVersion, hiveVersions } from './message/hive.ts'
export { readFixtures, type RecordedMessage, recordedPieces } from './message/recorded.ts'
export {
  startStubAgents,
  startStubHive,
  type StubAgents,
  type StubAgentsOptions,
  type StubHive,
  type StubHiveOptions,
} from './message/stubs.ts'
export type { MongoOptions, NoMongo } from './mongo.ts'
export { prepareMongo, requireMongo, startMongo } from './mongo.ts'
export type { MongoBackend, MongoForTests } from './mongo-for-tests.ts'
export { patience, patient, until } from './patience.ts'
export type { Commit, CommitProxy, Fate } from './postgres/commit-proxy.ts'
export { startCommitProxy } from './postgres/commit-proxy.ts'
export { startStatementProxy, type StatementProxy } from './postgres/statement-proxy.ts'
export { writesOf } from './postgres/writes.ts'
export { type Ended, readCallLog, type StubCall } from './server/call-log.ts'
export type { SetSwitches, StubServer, Unrecorded } from './server/stub-server.ts'
export type { ServerSwitches, Switches, Where } from './server/switches.ts'
export { startChecksOnlyProxy } from './tcp/checks-only-proxy.ts'
export type { Fault, FaultProxy } from './tcp/fault-proxy.ts'
export { FAULTS, startFaultProxy } from './tcp/fault-proxy.ts'
export { startTcpProxy, type TcpProxy } from './tcp/proxy.ts'
