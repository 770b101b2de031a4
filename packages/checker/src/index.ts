export type { LoggedCall } from './calls.ts'
export type { Checker, CheckOptions } from './checker.ts'
export { makeChecker } from './checker.ts'
export type { Finding, Invariant } from './finding.ts'
