import { closeSync, existsSync, openSync, readFileSync, writeSync } from 'node:fs'

/** How a call ended; null while it goes on. */
export type Ended = 'answered' | 'client_left' | 'reset' | 'down' | null
export type StubCall = {
  id: number
  /** Epoch milliseconds at arrival. */
  at: number
  method: string
  path: string
  run: boolean
  /** The id of the flow in the path; the path's own text when there is no such flow. */
  flow_id: string | null
  session_id: string | null
  input_value: unknown
  tweaks: unknown
  key_ok: boolean
  /** Runs in flight at arrival, this one counted when it is a run. */
  in_flight: number
  /** The recording that answered; `none` for an answer that was not recorded. */
  from: string | null
  status: number | null
  ended: Ended
  took_ms: number | null
}
export type NewCall = Omit<StubCall, 'id' | 'at' | 'in_flight' | 'from' | 'status' | 'ended' | 'took_ms'>

/**
 * What a stub received, in order. In the file each call has a line when it comes and a line when it ends. Both are written before the client
 * learns of it, so the file is right even when this process, or the client, is killed.
 */
export const makeCallLog = (file: string | undefined) => {
  let lastId = file !== undefined && existsSync(file) ? Math.max(0, ...readCallLog(file).map(({ id }) => id)) : 0
  let fd = file === undefined ? null : openSync(file, 'a')
  const write = (line: object): void => {
    if (fd !== null) writeSync(fd, `${JSON.stringify(line)}\n`)
  }
  const started = new Map<number, number>()
  let calls: StubCall[] = []
  let inFlight = 0
  let maxInFlight = 0

  return {
    get calls() {
      return calls
    },
    get maxInFlight() {
      return maxInFlight
    },
    get inFlight() {
      return inFlight
    },
    begin(call: NewCall): StubCall {
      if (call.run) maxInFlight = Math.max(maxInFlight, ++inFlight)
      const open = { in_flight: inFlight, from: null, status: null, ended: null, took_ms: null }
      const begun: StubCall = { id: ++lastId, at: Date.now(), ...call, ...open }
      started.set(begun.id, performance.now())
      calls.push(begun)
      write(begun)
      return begun
    },
    end(call: StubCall, ended: Ended, status: number | null): void {
      if (call.ended !== null) return
      call.ended = ended
      call.status = status
      call.took_ms = Math.round(performance.now() - (started.get(call.id) ?? 0))
      started.delete(call.id)
      write({ id: call.id, ended, status, took_ms: call.took_ms })
    },
    /** The server's work for a run is over. After `end` when the client left: a real server goes on, too. */
    done(call: StubCall): void {
      if (call.run) inFlight -= 1
    },
    clear(): void {
      calls = []
      maxInFlight = inFlight
    },
    close(): void {
      if (fd !== null) closeSync(fd)
      fd = null // a client may still leave
    },
  }
}

/** The calls in a log file, also in that of another process or of a dead one. */
export const readCallLog = (file: string): StubCall[] => {
  const calls = new Map<number, StubCall>()
  // After the last line end is nothing, or a line that is being written.
  for (const line of readFileSync(file, 'utf8').split('\n').slice(0, -1)) {
    const part = JSON.parse(line) as StubCall // our own line: a whole call, or the end of one with the same id
    calls.set(part.id, { ...calls.get(part.id), ...part })
  }
  return [...calls.values()]
}
