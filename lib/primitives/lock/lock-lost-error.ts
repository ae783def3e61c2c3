/** Why a lock is not held any more. */
export type LossReason =
  /** It could not be extended in time: Redis was away, this process stood still, or nobody asked for more. */
  | 'expired'
  /** Redis has not got it, or not under this token: keys were lost, or somebody deleted it. */
  | 'gone'
  /** It was held for `maxHoldMs`. */
  | 'max-hold';

const EXPLANATIONS: Readonly<Record<LossReason, string>> = {
  expired: 'it was not extended in time',
  gone: 'Redis does not have it any more',
  'max-hold': 'it was held for maxHoldMs',
};

/** The reason of the signal of a lock that was lost. Names no key and no token. */
export class LockLostError extends Error {
  readonly code = 'LOCK_LOST';
  readonly reason: LossReason;

  constructor(reason: LossReason) {
    super(`The lock was lost: ${EXPLANATIONS[reason]}`);
    this.name = 'LockLostError';
    this.reason = reason;
  }
}
