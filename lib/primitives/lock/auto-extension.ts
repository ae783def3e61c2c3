import { type Clock, elapsedSince, type Instant } from '../../clock.ts';
import type { HeldLock } from './held-lock.ts';

export interface AutoExtensionOptions {
  readonly clock: Clock;
  /** When the lock was asked for. */
  readonly since: Instant;
  readonly ttlMs: number;
  readonly maxHoldMs: number;
}

/** After so much of its life a lock is extended; and after so much more once that has failed. */
const EXTEND_AFTER = 1 / 3;
const RETRY_AFTER = 1 / 10;

/** Extends a lock until it was held for `maxHoldMs`, or is lost, or the answer is called. The timers bound live work only. */
export function keepExtended(lock: HeldLock, { clock, since, ttlMs, maxHoldMs }: AutoExtensionOptions): () => void {
  /** How long after `since` Redis is to end it. */
  let reachMs = ttlMs;
  let isStopped = false;
  let cancelTimer = () => {};

  const extend = async (): Promise<void> => {
    const heldMs = Math.ceil(elapsedSince(since, clock));
    const forMs = Math.min(ttlMs, maxHoldMs - heldMs);
    // What goes wrong has been reported, but for too little being left to be asked for: the lock lasts as long as before.
    const status = await lock.extend(forMs).then((extension) => extension.status, failed);
    if (isStopped || status === 'lost') return;
    if (status === 'extended') reachMs = heldMs + forMs;
    plan(status === 'extended' ? heldMs + EXTEND_AFTER * ttlMs : elapsedSince(since, clock) + RETRY_AFTER * ttlMs);
  };

  /** Counts from when the last life was asked for, as that life does: its answer may have taken most of it. */
  const plan = (dueMs: number): void => {
    if (reachMs >= maxHoldMs) lock.endsBy('max-hold');
    else cancelTimer = clock.after(Math.max(0, dueMs - elapsedSince(since, clock)), () => void extend());
  };

  plan(EXTEND_AFTER * ttlMs);
  return () => {
    isStopped = true;
    cancelTimer();
  };
}

const failed = (): 'failed' => 'failed';
