import type { IncomingMessage, ServerResponse } from 'node:http'
import { DomainError } from '@automagik-spark/core'
import type { ParsedBody } from './json.ts'
import { parseJson } from './json.ts'

const MAX_BODY_BYTES = 1024 * 1024

/** The connection ended in the middle of the body: there is no client to answer. */
export class ClientLeft extends Error {}

const tooLarge = () => new DomainError('too_large', `The body is larger than 1 MiB (${MAX_BODY_BYTES} bytes)`)
const unsupported = (sentence: string) => new DomainError('unsupported_media_type', sentence)

export const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined ||
  (headers['content-length'] !== undefined && Number(headers['content-length']) > 0)

const JSON_TYPE = /^application\/(?:json|[a-z0-9!#$&^_.+-]+\+json)$/
const UTF8 = /^charset=(?:utf-8|utf8|"utf-8"|"utf8")$/

/** A missing type is read as JSON. */
const checkType = ({ headers }: IncomingMessage): void => {
  const encoding = headers['content-encoding']
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity')
    throw unsupported('Content-Encoding: a compressed body is not supported, send it as it is')
  const type = headers['content-type']
  if (type === undefined || type === 'application/json') return
  const [name = '', ...parameters] = type
    .toLowerCase()
    .split(';')
    .map((part) => part.trim())
  if (!JSON_TYPE.test(name)) throw unsupported('Content-Type: must be application/json')
  if (parameters.some((parameter) => parameter.startsWith('charset=') && !UTF8.test(parameter)))
    throw unsupported('Content-Type: the charset must be utf-8')
}

const readBytes = (req: IncomingMessage): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let bytes = 0
    const finish = (error?: Error) => {
      req.off('data', onData).off('end', onEnd).off('close', onClose)
      if (!error) return resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks))
      reject(error) // without a listener the stream flows on and drops the rest, so the connection can be used again
    }
    const onData = (chunk: Buffer) => {
      bytes += chunk.length
      chunks.push(chunk)
      if (bytes > MAX_BODY_BYTES) finish(tooLarge())
    }
    const onEnd = () => finish()
    const onClose = () => finish(new ClientLeft('the client left before the body was complete'))
    req.on('data', onData).on('end', onEnd).on('close', onClose).on('error', onClose)
  })

const utf8 = new TextDecoder('utf-8', { fatal: true })

const decode = (bytes: Buffer): string => {
  try {
    return utf8.decode(bytes)
  } catch (cause) {
    throw new DomainError('invalid', 'The body is not valid UTF-8', {
      errors: [{ path: 'body', message: 'is not valid UTF-8' }],
      cause,
    })
  }
}

/** The body as JSON. An action without a body gets `{}`. */
export const EMPTY_BODY: ParsedBody = parseJson('{}')

export const readBody = async (req: IncomingMessage, res: ServerResponse, mayBeEmpty: boolean): Promise<ParsedBody> => {
  checkType(req)
  if (Number(req.headers['content-length'] ?? 0) > MAX_BODY_BYTES) throw tooLarge()
  if (req.headers.expect !== undefined) res.writeContinue()
  const text = decode(await readBytes(req))
  if (text.trim() !== '') return parseJson(text)
  if (mayBeEmpty) return EMPTY_BODY
  throw new DomainError('invalid', 'The body is empty: JSON is needed', {
    errors: [{ path: 'body', message: 'is empty: JSON is needed' }],
  })
}
