import { migrate } from '@automagik-spark/db'
import { prepareWakeUps } from '@automagik-spark/engine'

type Stores = { url: string; mongodb_uri: string | null }

/** Does everything that needs the right to make tables, so that the processes can run under a role without it. */
export const prepareDatabase = async ({ url, mongodb_uri }: Stores): Promise<{ applied: string[] }> => {
  const migrated = await migrate({ url })
  if (mongodb_uri === null) await prepareWakeUps(url)
  return migrated
}
