export { makeWorker } from './worker.ts'
