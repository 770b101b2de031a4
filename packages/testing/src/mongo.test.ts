import { describe, expect, it } from 'vitest'
import { requireMongo, startMongo, withDatabase } from './mongo.ts'

describe('withDatabase', () => {
  it.each([
    ['mongodb://127.0.0.1:27017', 'mongodb://127.0.0.1:27017/own'],
    ['mongodb://127.0.0.1:27017/theirs', 'mongodb://127.0.0.1:27017/own'],
    ['mongodb://a:1,b:2/theirs?replicaSet=rs0', 'mongodb://a:1,b:2/own?replicaSet=rs0'],
    [
      'mongodb+srv://user:pw@cluster.example/?retryWrites=true',
      'mongodb+srv://user:pw@cluster.example/own?retryWrites=true',
    ],
    ['mongodb://user:pw@h/theirs', 'mongodb://user:pw@h/own?authSource=theirs'],
    ['mongodb://user:pw@h/theirs?authSource=admin', 'mongodb://user:pw@h/own?authSource=admin'],
  ])('of %s is %s', (given, wanted) => {
    expect(withDatabase(given, 'own')).toBe(wanted)
  })
})

describe('without any way to a Mongo server', () => {
  const nothing = { path: '', download: false, progress: () => undefined }

  it('startMongo says what it looked for', async () => {
    const none = await startMongo(nothing)
    expect(none).toMatchObject({ uri: null, reason: expect.stringMatching(/mongod.*FerretDB/) })
  })

  it('requireMongo lets tests be skipped on a developer’s machine, and fails in CI', async () => {
    expect(await requireMongo({ ...nothing, ci: false })).toBeNull()
    await expect(requireMongo({ ...nothing, ci: true })).rejects.toThrow(
      /In CI no test may be skipped: no Mongo server/,
    )
  })
})
