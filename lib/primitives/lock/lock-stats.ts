/** What became of the locks of this process. An acquisition is one of the first three, unless its caller left or it threw. */
export interface LockStats {
  readonly acquired: number;
  /** Given up because another held it for all of `waitMs`. */
  readonly timedOut: number;
  readonly unavailable: number;
  /** Acquisitions that another's lock stood in the way of at least once, whatever became of them. */
  readonly contended: number;
  readonly extended: number;
  /** Ended while they were held, see `LossReason`. Only of locks with a handle. */
  readonly lost: number;
  /** Released by their token. What was released too late is not counted. */
  readonly released: number;
  /** Releases that Redis has not confirmed: the lock may stay until its end. */
  readonly releaseErrors: number;
  /** `timedOut` of all acquisitions that Redis answered; `undefined` before there were any. */
  readonly timeoutRate: number | undefined;
}

/** What is counted, one by one. */
export type LockCounts = { -readonly [Name in Exclude<keyof LockStats, 'timeoutRate'>]: number };

export function noCounts(): LockCounts {
  return {
    ...{ acquired: 0, timedOut: 0, unavailable: 0, contended: 0 },
    ...{ extended: 0, lost: 0, released: 0, releaseErrors: 0 },
  };
}

export function statsOf(counts: Readonly<LockCounts>): LockStats {
  const answered = counts.acquired + counts.timedOut;
  return { ...counts, timeoutRate: answered === 0 ? undefined : counts.timedOut / answered };
}
