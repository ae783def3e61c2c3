import { type Clock, type Instant, instant } from '../../clock.ts';
import { unlessAway } from '../unavailable.ts';
import type { Extension, Lock, Release } from './lock.ts';
import { LockLostError, type LossReason } from './lock-lost-error.ts';
import { wholeTtl } from './lock-options.ts';
import type { LockRequests } from './lock-requests.ts';
import type { LockCounts } from './lock-stats.ts';
import { remainingOf, type Validity } from './validity.ts';

export interface HeldLockOptions {
  readonly clock: Clock;
  readonly requests: LockRequests;
  readonly token: string;
  readonly fence: number;
  readonly since: Instant;
  readonly ttlMs: number;
  readonly counts: LockCounts;
}

export interface HeldLock extends Lock {
  /** Names the reason of its end, where nothing will extend it any more. */
  endsBy(reason: LossReason): void;
}

type State = 'held' | 'released' | 'lost' | 'gone';

const LOST = { status: 'lost' } as const;

/** A lock from its grant to its end. What is lost here stays lost, whatever Redis says later. */
export function holdLock({ clock, requests, token, fence, counts, ...options }: HeldLockOptions): HeldLock {
  const controller = new AbortController();
  let state: State = 'held';
  let validity: Validity = options;
  let reasonAtEnd: LossReason = 'expired';
  let released: Promise<Release> | undefined;
  let cancelTimer = () => {};

  const lose = (reason: LossReason) => {
    state = reason === 'gone' ? 'gone' : 'lost';
    counts.lost += 1;
    cancelTimer();
    controller.abort(new LockLostError(reason));
  };

  const remainingMs = () => (isValid() ? remainingOf(validity, clock) : 0);

  function isValid(): boolean {
    if (state === 'held' && remainingOf(validity, clock) <= 0) lose(reasonAtEnd);
    return state === 'held';
  }

  /** Looks again at the end that it knows of: by then an extension may have moved it. */
  const watch = () => {
    cancelTimer = clock.after(remainingOf(validity, clock), () => {
      if (isValid()) watch();
    });
  };
  watch();

  const extend = async (ttlMs: number): Promise<Extension> => {
    if (!isValid()) return LOST;
    const renewed = { since: instant(clock), ttlMs };
    const isExtended = await requests.extend(token, ttlMs, { timeoutMs: Math.max(1, remainingMs()) });
    if (isValid() && !isExtended) lose('gone');
    if (!isValid()) return LOST;
    if (remainingOf(renewed, clock) > remainingOf(validity, clock)) validity = renewed;
    return { status: 'extended' };
  };

  const giveBack = async (): Promise<Release> => {
    const wasGone = state === 'gone';
    const wasHeld = isValid();
    if (wasHeld) state = 'released';
    cancelTimer();
    const isReleased = !wasGone && (await requests.release(token));
    if (wasHeld && !isReleased) counts.lost += 1;
    return isReleased ? { status: 'released' } : LOST;
  };

  return {
    fence,
    token,
    signal: controller.signal,
    remainingMs,
    isValid,
    extend: (ttlMs = options.ttlMs) => unlessAway(async () => extend(wholeTtl(ttlMs))),
    release() {
      released ??= unlessAway(giveBack).then((release) => {
        if (release.status === 'unavailable') released = undefined;
        return release;
      });
      return released;
    },
    endsBy(reason) {
      reasonAtEnd = reason;
    },
  };
}
