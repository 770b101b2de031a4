/** Why a task failed, for programs. Closed: a new code is a change of the contract. */
export const TASK_ERROR_CODES = [
  'source_unreachable', // no connection: DNS, refused, connect timeout, TLS
  'source_busy', // the server turned the call away: 429, 503
  'key_refused', // 401, 403
  'flow_not_found', // 404, or a web page where the API should be
  'flow_failed', // the server says that the flow failed
  'bad_request', // the server refuses the call as it is: 400, 405, 413, 422
  'timeout', // not sent in time, or the server confirmed the stop
  'outcome_unknown', // sent, and nobody can say what became of it
  'output_too_large', // over 10 MiB
  'no_output', // the flow ran, and the output component that was chosen gave nothing
  'bad_answer', // not JSON, not the shape of an answer, broken compression
  'address_refused', // SPARK_SOURCE_POLICY forbids the address
  'worker_lost', // the workers that ran it died three times
  'key_undecryptable', // the source's key was encrypted with another SPARK_ENCRYPTION_KEY
  'internal', // a bug of ours; the log has the rest
] as const

export type TaskErrorCode = (typeof TASK_ERROR_CODES)[number]
