import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { patient } from '@automagik-spark/testing'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { makeWorkshop, postmasterPid, processesOf, query, type Workshop } from './embedded-process.ts'

let workshop: Workshop
let dataDirs = 0
const newDataDir = () => join(workshop.dir, `data-${(dataDirs += 1)}`)

let prepared: string | null = null
/** As after an earlier clean run, without paying for a first start each time. */
const usedDataDir = async () => {
  if (prepared === null) {
    prepared = newDataDir()
    await (await workshop.start({ dataDir: prepared })).close()
  }
  const dataDir = newDataDir()
  const { status } = spawnSync('cp', ['-a', prepared, dataDir])
  expect(status).toBe(0)
  return dataDir
}
const clusterOf = (dataDir: string) => join(dataDir, 'postgres')
const nothingRuns = (dataDir: string) =>
  vi.waitFor(() => expect(processesOf(dataDir)).toEqual([]), { timeout: patient(20_000), interval: 50 })
const answered = (url: string) => vi.waitFor(() => query(url, 'select 1'), { timeout: patient(20_000), interval: 50 })

beforeAll(async () => {
  workshop = await makeWorkshop()
})
afterAll(() => workshop.close())

describe('an embedded PostgreSQL', () => {
  it('starts in an empty folder, keeps its data and port over a restart, and leaves nothing running', async () => {
    const dataDir = newDataDir()
    const first = await workshop.start({ dataDir, settings: {} })
    expect(first.joined).toBe(false)
    await query(first.url, 'create table kept as select 42 as answer')
    await first.close()
    expect(processesOf(dataDir)).toEqual([])

    const second = await workshop.start({ dataDir })
    expect(second.url).toBe(first.url)
    expect(await query(second.url, 'select answer from kept')).toEqual([{ answer: 42 }])
    await second.close()
    expect(processesOf(dataDir)).toEqual([])
  })

  it('is set up for durability, UTF-8, UTC and the loopback only, behind a password that only its owner can read', async () => {
    const dataDir = newDataDir()
    const { url, close } = await workshop.start({ dataDir, settings: {} })
    const names = [
      'synchronous_commit',
      'fsync',
      'max_connections',
      'shared_buffers',
      'timezone',
      'server_encoding',
      'listen_addresses',
      'unix_socket_directories',
      'password_encryption',
    ]
    const rows = await query<{ name: string; value: string }>(
      url,
      `select name, current_setting(name) as value from unnest('{${names.join(',')}}'::text[]) as name`,
    )
    expect(Object.fromEntries(rows.map(({ name, value }) => [name, value]))).toEqual({
      synchronous_commit: 'on',
      fsync: 'on',
      max_connections: '200',
      shared_buffers: '128MB',
      timezone: 'UTC',
      server_encoding: 'UTF8',
      listen_addresses: '127.0.0.1',
      unix_socket_directories: '',
      password_encryption: 'scram-sha-256',
    })
    expect(
      await query(
        url,
        `select to_json(d) ->> 'datlocprovider' as provider, to_json(d) ->> 'datlocale' as locale from pg_database d where datname = current_database()`,
      ),
    ).toEqual([{ provider: 'b', locale: 'C.UTF-8' }])

    const wrong = new URL(url)
    wrong.password = 'guess'
    await expect(query(wrong.href, 'select 1')).rejects.toThrow('password authentication failed')
    for (const name of ['postgres.json', 'postgres.log', 'postgres.lease'])
      expect(statSync(join(dataDir, name)).mode & 0o777, name).toBe(0o600)
    await close()
  })

  it('takes another port when the one of last time is taken, says so, and remembers the new one', async () => {
    const dataDir = await usedDataDir()
    const first = await workshop.start({ dataDir })
    await first.close()
    const squatter = createServer()
    await new Promise<void>((resolve) => squatter.listen(Number(new URL(first.url).port), '127.0.0.1', resolve))

    const second = await workshop.start({ dataDir })
    squatter.close()
    expect(new URL(second.url).port).not.toBe(new URL(first.url).port)
    expect(second.logs()).toEqual([expect.stringContaining(`Port ${new URL(first.url).port} is taken`)])
    await second.close()
    const third = await workshop.start({ dataDir })
    expect(third.url).toBe(second.url)
    await third.close()
  })

  it('begins its log anew when it has grown large, and keeps the old one', async () => {
    const dataDir = await usedDataDir()
    writeFileSync(join(dataDir, 'postgres.log'), 'x'.repeat(6_000_000))
    const spark = await workshop.start({ dataDir })
    expect(statSync(join(dataDir, 'postgres.log')).size).toBeLessThan(10_000)
    expect(statSync(join(dataDir, 'postgres.log.1')).size).toBe(6_000_000)
    await spark.close()
  })

  it('stays when a service manager ends every process at once, until Spark has closed it', async () => {
    const dataDir = await usedDataDir()
    const spark = await workshop.start({ dataDir })
    const supervisors = processesOf(dataDir).filter(({ args }) => args.includes('spark-postgres'))
    expect(supervisors).not.toEqual([])
    for (const { pid } of supervisors) process.kill(pid, 'SIGTERM')
    expect(await query(spark.url, 'select 1 as one')).toEqual([{ one: 1 }])
    await spark.close()
    expect(processesOf(dataDir)).toEqual([])
  })

  it('survives Ctrl-C in the terminal until its process closes it', async () => {
    const dataDir = await usedDataDir()
    const spark = await workshop.start({ dataDir }, { detached: true })
    process.kill(-(spark.child.pid ?? 0), 'SIGINT') // the whole process group, as a terminal does it
    await vi.waitFor(() => expect(spark.messages).toContainEqual({ interrupted: true }), { timeout: patient(1_000) })
    expect(await query(spark.url, 'select 1 as one')).toEqual([{ one: 1 }])
    await spark.close()
    expect(processesOf(dataDir)).toEqual([])
  })
})

describe('a second process on the same directory', () => {
  it('joins, goes on when the first closes, and stops the server as the last', async () => {
    const dataDir = await usedDataDir()
    const first = await workshop.start({ dataDir })
    const second = await workshop.start({ dataDir })
    expect([second.joined, second.url]).toEqual([true, first.url])
    await first.close()
    expect(await query(second.url, 'select 1 as one')).toEqual([{ one: 1 }])
    await second.close()
    await nothingRuns(dataDir)
  })

  it('does not stop the server for the first when it closes', async () => {
    const dataDir = await usedDataDir()
    const first = await workshop.start({ dataDir })
    const second = await workshop.start({ dataDir })
    await second.close()
    expect(await query(first.url, 'select 1 as one')).toEqual([{ one: 1 }])
    await first.close()
    expect(processesOf(dataDir)).toEqual([])
  })

  it('goes on when the first is killed, and a third joins it', async () => {
    const dataDir = await usedDataDir()
    const first = await workshop.start({ dataDir })
    const second = await workshop.start({ dataDir })
    await first.kill('SIGKILL')
    const third = await workshop.start({ dataDir })
    expect(third.joined).toBe(true)
    expect(await query(second.url, 'select 1 as one')).toEqual([{ one: 1 }])
    await Promise.all([second.close(), third.close()])
    await nothingRuns(dataDir)
  })

  it('shares one server when four start at once in an empty folder', async () => {
    const dataDir = newDataDir()
    const all = await Promise.all([1, 2, 3, 4].map(() => workshop.start({ dataDir })))
    expect(new Set(all.map(({ url }) => url)).size).toBe(1)
    expect(all.filter(({ joined }) => !joined)).toHaveLength(1)
    await Promise.all(all.map(({ close }) => close()))
    await nothingRuns(dataDir)
    expect(readdirSync(dataDir).filter((name) => name.includes('.new-'))).toEqual([])
  })

  it('starts a server of its own when it comes while the last one is stopping', async () => {
    const dataDir = await usedDataDir()
    for (let round = 0; round < 3; round += 1) {
      const first = await workshop.start({ dataDir })
      const [, second] = await Promise.all([first.close(), workshop.start({ dataDir })])
      expect(await query(second.url, 'select 1 as one')).toEqual([{ one: 1 }])
      await second.close()
    }
    await nothingRuns(dataDir)
  })
})

describe('after a kill', () => {
  it('of its only process the server ends by itself, and the next start has the data', async () => {
    const dataDir = await usedDataDir()
    const first = await workshop.start({ dataDir })
    await query(first.url, 'create table kept as select 42 as answer')
    await first.kill('SIGKILL')
    await nothingRuns(dataDir)
    const second = await workshop.start({ dataDir })
    expect(await query(second.url, 'select answer from kept')).toEqual([{ answer: 42 }])
    await second.close()
  })

  it('the next start needs no pause', async () => {
    const dataDir = await usedDataDir()
    for (let round = 0; round < 3; round += 1) {
      const spark = await workshop.start({ dataDir })
      expect(await query(spark.url, 'select 1 as one')).toEqual([{ one: 1 }])
      await spark.kill('SIGKILL')
    }
    await nothingRuns(dataDir)
  })

  it('of everything but PostgreSQL the next start stops that one and has the data', async () => {
    const dataDir = await usedDataDir()
    const first = await workshop.start({ dataDir })
    await query(first.url, 'create table kept as select 42 as answer')
    const orphan = postmasterPid(clusterOf(dataDir))
    for (const { pid, args } of processesOf(dataDir)) if (args.includes('spark-postgres')) process.kill(pid, 'SIGKILL')
    await first.kill('SIGKILL')

    const second = await workshop.start({ dataDir })
    expect(second.joined).toBe(false)
    expect(postmasterPid(clusterOf(dataDir))).not.toBe(orphan)
    expect(second.logs()).toEqual([expect.stringContaining('was killed')])
    expect(await query(second.url, 'select answer from kept')).toEqual([{ answer: 42 }])
    await second.close()
    await nothingRuns(dataDir)
  })

  it('of the supervisor closing stops PostgreSQL all the same', async () => {
    const dataDir = await usedDataDir()
    const spark = await workshop.start({ dataDir })
    for (const { pid, args } of processesOf(dataDir)) if (args.includes('spark-postgres')) process.kill(pid, 'SIGKILL')
    await spark.close()
    expect(processesOf(dataDir)).toEqual([])
  })

  it('of PostgreSQL it is started again on the same port', async () => {
    const dataDir = await usedDataDir()
    const spark = await workshop.start({ dataDir })
    await query(spark.url, 'create table kept as select 42 as answer')
    for (const signal of ['SIGKILL', 'SIGQUIT'] as const) {
      const killed = postmasterPid(clusterOf(dataDir))
      process.kill(killed, signal)
      await vi.waitFor(() => expect(postmasterPid(clusterOf(dataDir))).not.toBe(killed), {
        timeout: patient(20_000),
        interval: 50,
      })
      await answered(spark.url)
    }
    expect(await query(spark.url, 'select answer from kept')).toEqual([{ answer: 42 }])
    await spark.close()
    expect(processesOf(dataDir)).toEqual([])
  })

  it('in the middle of the first start the next one begins afresh', async () => {
    const dataDir = newDataDir()
    const { child, exited } = workshop.launch({ dataDir })
    await vi.waitFor(() => expect(readdirSync(dataDir).some((name) => name.startsWith('postgres.new-'))).toBe(true), {
      timeout: patient(20_000),
      interval: 5,
    })
    child.kill('SIGKILL')
    await exited
    await nothingRuns(dataDir)
    const spark = await workshop.start({ dataDir })
    expect(await query(spark.url, 'select 1 as one')).toEqual([{ one: 1 }])
    expect(readdirSync(dataDir).filter((name) => name.includes('.new-'))).toEqual([])
    await spark.close()
  })

  it('a lock file whose process id another program has now does not matter', async () => {
    const dataDir = await usedDataDir()
    const first = await workshop.start({ dataDir })
    const { uid } = statSync(clusterOf(dataDir))
    const lock = readFileSync(join(clusterOf(dataDir), 'postmaster.pid'), 'utf8')
    await first.close()
    // Under PostgreSQL's own user, else it would recognise the stranger itself.
    const stranger = workshop.launch({ dataDir: await usedDataDir() })
    await stranger.said((message) => Boolean(message.url))
    const strangers = processesOf(join(workshop.dir, `data-${dataDirs}`)).filter(({ args }) =>
      args.includes('bin/postgres -D'),
    )
    const other =
      strangers.map(({ pid }) => pid).find((pid) => statSync(`/proc/${pid}`, { throwIfNoEntry: false })?.uid === uid) ??
      strangers[0]?.pid
    writeFileSync(join(clusterOf(dataDir), 'postmaster.pid'), lock.replace(/^\d+/, String(other)))

    const second = await workshop.start({ dataDir })
    expect(await query(second.url, 'select 1 as one')).toEqual([{ one: 1 }])
    await second.close()
    expect(stranger.messages.some(({ error }) => error)).toBe(false)
    stranger.child.stdin.write('close\n')
    await stranger.exited
  })
})

describe('what is wrong is said in a sentence', () => {
  it('a database of another PostgreSQL', async () => {
    const dataDir = await usedDataDir()
    writeFileSync(join(clusterOf(dataDir), 'PG_VERSION'), '17\n')
    await expect(workshop.start({ dataDir })).rejects.toThrow(/made by PostgreSQL 17.*brings PostgreSQL 18/)
  })

  it('a lost or damaged password file', async () => {
    const dataDir = await usedDataDir()
    writeFileSync(join(dataDir, 'postgres.json'), '{"cluster":')
    await expect(workshop.start({ dataDir })).rejects.toThrow(/postgres\.json is damaged/)
    rmSync(join(dataDir, 'postgres.json'))
    await expect(workshop.start({ dataDir })).rejects.toThrow(/postgres\.json.*is missing: restore it/)
  })

  it('a password that is not that of the database', async () => {
    const dataDir = await usedDataDir()
    const path = join(dataDir, 'postgres.json')
    writeFileSync(path, JSON.stringify({ ...(JSON.parse(readFileSync(path, 'utf8')) as object), password: 'other' }))
    await expect(workshop.start({ dataDir })).rejects.toThrow(/does not open the database/)
    await nothingRuns(dataDir)
  })

  it('database files that have vanished', async () => {
    const dataDir = await usedDataDir()
    rmSync(clusterOf(dataDir), { recursive: true })
    await expect(workshop.start({ dataDir })).rejects.toThrow(/should be in .*postgres, but is not there/)
  })

  it('a data directory that is a file', async () => {
    const dataDir = newDataDir()
    writeFileSync(dataDir, '')
    await expect(workshop.start({ dataDir })).rejects.toThrow(/data directory .* cannot be written/)
  })

  it('a setting that PostgreSQL refuses, and nothing is left running', async () => {
    const dataDir = await usedDataDir()
    await expect(workshop.start({ dataDir, settings: { fsync: 'off', max_connections: 'many' } })).rejects.toThrow(
      /PostgreSQL did not start: invalid value for parameter "max_connections"/,
    )
    await nothingRuns(dataDir)
    const spark = await workshop.start({ dataDir })
    await spark.close()
  })
})
