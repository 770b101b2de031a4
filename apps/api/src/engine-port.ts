import type { Engine } from '@automagik-spark/engine'

/** What the routes need of the engine: the use cases of the contract. Failures come as `DomainError`. */
export type ApiEngine = Pick<Engine, 'sources' | 'workflows' | 'tasks' | 'schedules' | 'workers'> & {
  health: Pick<Engine['health'], 'report' | 'ready' | 'noteFailure'>
}
