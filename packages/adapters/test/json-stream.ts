import type { JsonStream } from '../src/json/documents.ts'
import { makeJsonReader } from '../src/json/reader.ts'
import { makeJsonThreads } from '../src/json/threads.ts'

const { read } = makeJsonReader(makeJsonThreads())

/** A response that comes in these chunks. */
export const streamOf = (chunks: JsonStream['chunks']): JsonStream => ({ chunks, read })
