/** How a stub misbehaves. Null or false turns one off again. */
export type Switches = {
  /** Milliseconds before an answer, or `held`: until `release()`. */
  slow?: number | 'held' | null
  /** True: the recorded failure of a flow (500, or a stream that ends in failure); a number: that status. */
  failing?: boolean | number | null
  /** Answer 200 text/html, as a web page does. */
  html?: boolean | null
  /** Read the request, then break the connection. */
  reset?: boolean | null
  /** Answer 200 with this JSON text, as it is. */
  answer?: string | null
  /** Refuse with `Retry-After` in seconds. */
  busy?: { status: 503 | 429; retry_after: number } | null
}
/** Switches for the whole server. */
export type ServerSwitches = {
  /** Refuse new connections and break open ones: until it is set to false, or for so many milliseconds. The port is kept. */
  unreachable?: boolean | number
  key?: string
}
/** `runs` of any flow, `all` requests, or the runs of one flow, by short name or id. */
export type Where = 'runs' | 'all' | (string & {})

export const makeSwitches = () => {
  const set = new Map<string, Switches>()
  return {
    set(switches: Switches, where: string): void {
      set.set(where, { ...set.get(where), ...switches })
    },
    /** The switches for a request. Those of its flow take precedence over those for runs, these over those for all. */
    of(run: boolean, flowId: string | null): Switches {
      if (set.size === 0) return {}
      return { ...set.get('all'), ...(run && set.get('runs')), ...(run && flowId !== null && set.get(flowId)) }
    },
    clear: (): void => set.clear(),
  }
}
