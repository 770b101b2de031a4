export type { AddressPolicy } from './address-policy.ts'
export { addressRefusal, parseSourcePolicy } from './address-policy.ts'
export { isWrongKind } from './detect.ts'
export { MAX_ANSWER_BYTES } from './http.ts'
export type { JsonValue } from './json.ts'
export { type KeyVariable, KINDS, RECOVERING_TYPES } from './kinds.ts'
export { detectSourceType, makeSource } from './make-source.ts'
export type { OwnService } from './own-services.ts'
export type { HttpPool, HttpPoolOptions } from './pool.ts'
export { makeHttpPool } from './pool.ts'
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
export { addressesToTry, normalizeSourceUrl } from './source-url.ts'
