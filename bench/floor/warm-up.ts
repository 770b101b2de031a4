/** What every fire is measured after, of Spark and of its floors alike: Node runs new code several times slower, for thousands of jobs. */
export const WARM_UP_JOBS = 3_000
