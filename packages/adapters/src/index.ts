export { isWrongKind } from './detect.ts'
export type { AddressPolicy } from './http/address-policy.ts'
export { addressRefusal, parseSourcePolicy } from './http/address-policy.ts'
export { MAX_ANSWER_BYTES } from './http/client.ts'
export type { OwnService } from './http/own-services.ts'
export type { HttpPool, HttpPoolOptions } from './http/pool.ts'
export { makeHttpPool } from './http/pool.ts'
export { addressesToTry, normalizeSourceUrl } from './http/source-url.ts'
export type { JsonValue } from './json/reader.ts'
export { type KeyVariable, KINDS, RECOVERING_TYPES } from './kinds.ts'
export { detectSourceType, makeSource } from './make-source.ts'
export type {
  AskedRun,
  Doubt,
  Drift,
  Feature,
  FlowComponent,
  FlowComponents,
  FlowKey,
  FlowUse,
  LostCall,
  Recovery,
  RemoteFlow,
  RunAnswer,
  RunCall,
  RunProblems,
  Source,
  SourceOptions,
  VersionInfo,
  WantedComponents,
} from './source.ts'
