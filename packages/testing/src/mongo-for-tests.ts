export type MongoBackend = 'given' | 'mongod' | 'ferretdb' | 'memory-server'
/** A Mongo server that tests may use. `close` ends it, or drops the database on a server that was given. */
export type MongoForTests = { uri: string; backend: MongoBackend; close: () => Promise<void> }
