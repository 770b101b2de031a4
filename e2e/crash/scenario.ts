import { Spark } from '@automagik-spark/sdk'
import type { Commit, Fate } from '@automagik-spark/testing'
import { patient, startCommitProxy } from '@automagik-spark/testing'
import { until } from '../spark.ts'
import type { Lane } from './lane.ts'
import { TIMES } from './lane.ts'
import type { Victims } from './victims.ts'

export type Strike = { commit: string; fate: Exclude<Fate, 'pass'> }

/** What a scenario may know when it judges. */
export type Struck<Context> = {
  context: Context
  /** Null: nothing was struck. */
  strike: Strike | null
  /** Whether the commit that was struck, or one after it, can be in the database. `first`: the scenario's own, which makes all the difference. */
  isCommitted: (commit: string) => boolean
  /** An API answered with success. */
  isAcknowledged: boolean
}

export type Scenario<Context = unknown> = {
  name: string
  role: 'worker' | 'api'
  /** Every commit that the process makes in it, in order, as `connection: writes`. Those of `ALWAYS` are named where they matter. */
  commits: readonly string[]
  /** Those that have their cases here; left out: all. What is not struck here is struck in another scenario. */
  strikes?: readonly string[]
  /** What is there before the process starts. */
  prepare: (lane: Lane) => Promise<Context>
  /** Commits that are struck in every run of it, to come to what is meant. */
  given?: readonly Strike[]
  /** What an API is asked for. */
  ask?: (spark: Spark, context: Context) => Promise<unknown>
  /** Goes on beside it, such as what happens at the flow server. */
  meanwhile?: (lane: Lane, context: Context) => Promise<void>
  /** For an undisturbed run: everything that it does is done. */
  isOver: (lane: Lane, context: Context) => Promise<boolean>
  /** What must be true once others have taken over; throws. */
  judge: (lane: Lane, struck: Struck<Context>) => Promise<void>
}

export const CLAIM = 'worker-claim: call spark_claim_ready'

/** What every process writes now and then whatever it does. */
export const ALWAYS: ReadonlySet<string> = new Set([
  CLAIM,
  'worker-heartbeat: insert workers',
  'worker-heartbeat: update tasks',
  'worker-heartbeat: update tasks, insert task_events, insert schedule_outcomes',
  'main: update sources',
  'main: update sources, update tasks',
  'agenda: insert agenda_jobs',
  'agenda: update agenda_jobs',
  'agenda: delete agenda_jobs',
  'main: delete tasks',
  'main: delete workflows',
  'main: delete sources',
  'main: delete workers',
])

const nameOf = ({ by, writes }: Commit): string => `${by.replace(/^spark-/, '')}: ${writes.join(', ')}`

/** The name of a commit that a scenario makes a second time, and means to strike then. */
export const again = (commit: string): string => `${commit}, again`

const TRIES = 5
/** The claim that took the task was on its way before the task was there: it went by unstruck. */
class Missed extends Error {}

/** Runs a scenario, struck at one commit or at none; then whoever lives on has to make it good. Returns the commits that it saw. */
export const play = async <Context>(
  scenario: Scenario<Context>,
  lane: Lane,
  victims: Victims,
  strike: Strike | null,
): Promise<string[]> => {
  for (let tries = 1; ; tries++) {
    try {
      return await playOnce(scenario, lane, victims, strike)
    } catch (error) {
      if (!(error instanceof Missed) || tries === TRIES) throw error
    }
  }
}

const READY_MS = 1_000
/** Whether a claim takes something now or in a moment. Claims that find nothing are made all the time; those are not meant. */
const isSomethingReady = (lane: Lane): Promise<boolean> =>
  until(
    () => lane.sql(`SELECT FROM tasks WHERE status = 'pending' AND ready_at <= spark_now()`),
    (ready) => ready.length > 0,
    READY_MS,
  ).then(
    () => true,
    () => false,
  )

const playOnce = async <Context>(
  scenario: Scenario<Context>,
  lane: Lane,
  victims: Victims,
  strike: Strike | null,
): Promise<string[]> => {
  const context = await scenario.prepare(lane)
  const seen: string[] = []
  const pending = new Set([...(scenario.given ?? []), ...(strike ? [strike] : [])])
  /** By the number of the commit. */
  const meant = new Map<number, Strike>()
  let hit = () => {}
  let miss = (_: Missed) => {}
  const isHit = new Promise<void>((resolve, reject) => ([hit, miss] = [resolve, reject]))
  isHit.catch(() => undefined)
  /** Its turn has come when what is named before it has been seen. */
  const isDue = (one: Strike) => {
    const at = scenario.commits.indexOf(one.commit)
    return scenario.commits.slice(0, at).every((name) => ALWAYS.has(name) || seen.includes(name))
  }
  const proxy = await startCommitProxy({
    url: lane.env.DATABASE_URL!,
    fateOf(commit) {
      const first = nameOf(commit)
      const name = seen.includes(first) && scenario.commits.includes(again(first)) ? again(first) : first
      const found = [...pending].find((one) => one.commit === name && isDue(one))
      seen.push(name)
      if (!found) return 'pass'
      const strikeIt = () => {
        meant.set(commit.n, found)
        return found.fate
      }
      if (name !== CLAIM) return strikeIt()
      return isSomethingReady(lane).then((ready) => {
        if (ready) return strikeIt()
        if (found === strike) miss(new Missed(`${CLAIM} had been made when its turn came`))
        return 'pass'
      })
    },
    onStruck({ n }) {
      const found = meant.get(n)
      if (!found) return
      pending.delete(found)
      if (found === strike) hit()
    },
  })
  const victim = await victims.start(scenario.role, { ...lane.env, DATABASE_URL: proxy.url }, TIMES)
  const isKill = strike !== null && strike.fate !== 'lost'
  const dies = isKill ? isHit.then(() => void victim.child.kill('SIGKILL')) : new Promise<never>(() => undefined)
  dies.catch(() => undefined)
  let isAcknowledged = false
  try {
    const whatHappensThere = scenario.meanwhile?.(lane, context)
    const asked = async () => {
      if (!scenario.ask) return
      const spark = new Spark({
        baseUrl: await victim.up,
        apiKey: lane.apiKey,
        maxRetries: 0,
        timeout: patient(60_000),
      })
      isAcknowledged = await scenario.ask(spark, context).then(
        () => true,
        () => false,
      )
    }
    const asking = asked()
    asking.catch(() => undefined)
    if (isKill) {
      await within(dies, () => `${strike.commit} never came; seen: ${seen.join(' | ')}\n${victim.output()}`)
      await victim.exited
      await proxy.close()
    } else {
      await victim.up
      if (strike)
        await within(isHit, () => `${strike.commit} never came; seen: ${seen.join(' | ')}\n${victim.output()}`)
    }
    await asking.catch(() => undefined)
    const stopRescue = isKill || scenario.role === 'api' ? await lane.rescue() : null
    try {
      if (!strike)
        await until(
          () => scenario.isOver(lane, context),
          (over) => over,
        )
      await whatHappensThere
      await scenario.judge(lane, {
        context,
        strike,
        isAcknowledged,
        isCommitted: (commit) => isCommitted(scenario, strike, commit),
      })
      await lane.settled()
    } finally {
      await stopRescue?.()
    }
    if (!isKill) {
      victim.child.kill('SIGTERM')
      const code = await victim.exited
      if (code !== 0) throw new Error(`the process ended with ${code}:\n${victim.output()}`)
    }
  } finally {
    victim.child.kill('SIGKILL')
    await victim.exited
    await proxy.close()
  }
  return seen
}

const isCommitted = <Context>({ commits }: Scenario<Context>, strike: Strike | null, commit: string): boolean => {
  if (!strike) return true
  const [struck, asked] = [commits.indexOf(strike.commit), commits.indexOf(commit)]
  return asked < struck || (asked === struck && strike.fate !== 'before')
}

const LIMIT_MS = 30_000

const within = async (happens: Promise<unknown>, why: () => string): Promise<void> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>(
    (_, reject) => (timer = setTimeout(() => reject(new Error(why())), patient(LIMIT_MS))),
  )
  try {
    await Promise.race([happens, late])
  } finally {
    clearTimeout(timer)
  }
}

/** What is done to it, one at a time. */
export const strikesOf = ({ commits, strikes = commits, given = [] }: Scenario): Strike[] =>
  strikes
    .filter((commit) => !given.some((one) => one.commit === commit))
    .flatMap((commit) => (['before', 'after', 'lost'] as const).map((fate) => ({ commit, fate })))
