import type { FlowNode } from './flows.ts'
import type { LangflowVersion } from './recorded.ts'

/** One field that a tweak really changes. */
export type Tweak = {
  component: string
  field: string
  value: unknown
  /** The value has the type of the stored one. */
  fits: boolean
}

/**
 * What a body's `tweaks` change in a flow, by the rules that run_tweak_* show: a component is named by id or display name; a text at the top
 * level goes to every component with that field; unknown components and fields are ignored, and so is a number at the top level. `code` is
 * ignored by 1.7.3 and refused by 1.13.0. Not recorded, but seen on both: a backslash and an n in a tweak become a line break; in an input they
 * don't.
 */
export const effectiveTweaks = (
  tweaks: Record<string, unknown>,
  nodes: FlowNode[],
  version: LangflowVersion,
): Tweak[] => {
  const found = Object.entries(tweaks).flatMap(([name, given]): Tweak[] => {
    if (typeof given !== 'object' || given === null) {
      const having = typeof given === 'string' ? nodes.filter((node) => name in node.data.node.template) : []
      return having.map((node) => tweak(node, name, given))
    }
    const node = nodes.find(({ id, data }) => id === name || data.node.display_name === name)
    if (!node) return []
    return Object.entries(given)
      .filter(([field]) => field in node.data.node.template || (field === 'code' && version !== '1.7.3'))
      .map(([field, value]) => tweak(node, field, value))
  })
  return found.sort((one, other) => nameOf(one).localeCompare(nameOf(other)))
}

const tweak = ({ id, data }: FlowNode, field: string, value: unknown): Tweak => {
  const stored = data.node.template[field]?.value
  return {
    component: id,
    field,
    value: typeof value === 'string' ? value.replaceAll('\\n', '\n') : value,
    fits: stored === undefined || stored === null || typeof stored === typeof value,
  }
}

export const nameOf = ({ component, field }: Tweak): string => `${component}.${field}`
