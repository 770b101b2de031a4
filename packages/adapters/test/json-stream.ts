import type { JsonStream } from '../src/json/documents.ts'
import { makeJsonReader } from '../src/json/reader.ts'
import { makeJsonThreads } from '../src/json/threads.ts'

const { read } = makeJsonReader(makeJsonThreads())

/** An answer that comes in these pieces. */
export const streamOf = (chunks: JsonStream['chunks']): JsonStream => ({ chunks, read })
