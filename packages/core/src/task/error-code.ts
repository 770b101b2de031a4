/** Why a task failed, for programs. A closed list: a new code changes the contract. */
export const TASK_ERROR_CODES = [
  'source_unreachable', // no connection: DNS, refused, connect timeout, TLS
  'source_busy', // the server is busy and rejected the call: 429, 503
  'key_refused', // 401, 403
  'flow_not_found', // 404, or a web page where the API should be
  'flow_failed', // the server says that the flow failed
  'bad_request', // the server refuses the call as it is: 400, 405, 413, 422
  'timeout', // not sent in time, or the server confirmed the stop
  'outcome_unknown', // the call was sent, and its outcome cannot be known
  'output_too_large', // over 10 MiB
  'no_output', // the flow ran, but the chosen output component returned nothing
  'bad_answer', // not JSON, not the shape of an answer, broken compression
  'address_refused', // SPARK_SOURCE_POLICY forbids the address
  'worker_lost', // three workers died while they ran it
  'key_undecryptable', // the source's key was encrypted with another SPARK_ENCRYPTION_KEY
  'internal', // a bug in Spark; the log has the details
] as const

export type TaskErrorCode = (typeof TASK_ERROR_CODES)[number]
