/** A statement locks its rows in the order of their ids, so that two statements never wait for each other. */
export const inIdOrder = <Row extends { id: string }>(rows: Row[]): Row[] =>
  [...rows].sort((a, b) => (a.id < b.id ? -1 : 1))
