export { makeWorker } from './start.ts'
export type { RunningWorker, WorkerDeps, WorkerTimes } from './worker.ts'
export { startWorker, WORKER_TIMES } from './worker.ts'
