import { createKv } from '../../lib/client/kv-client.ts';
import type { Quota } from '../../lib/client/quota.ts';
import type { BreakwaterEvent } from '../../lib/events.ts';
import { type CheckOptions, createLimiter, type LimiterOptions } from '../../lib/limit/limiter.ts';
import type { Algorithm } from '../../lib/limit/policy.ts';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';
import { type ManualClock, manualClock } from '../../lib/testing/manual-clock.ts';
import { type HeldStore, heldStore } from './held-store.ts';
import { type WatchedStore, watchedStore } from './watched-store.ts';

export interface OnePolicy extends Quota {
  readonly algorithm?: Algorithm | undefined;
  readonly maxOverAdmission?: number | undefined;
}

export const ALGORITHMS = [
  'gcra',
  'fixedWindow',
  'slidingWindow',
  'slidingLog',
  'tokenBucket',
  'concurrency',
] as const satisfies readonly Algorithm[];

/** At the beginning of a minute, an hour and a day. */
export const MIDNIGHT = 1_700_006_400_000;

/** A Redis of the test's own: the memory store, with a clock that stands still and a list of what it was sent. */
export interface SharedStore {
  readonly clock: ManualClock;
  readonly store: WatchedStore;
}

export function sharedStore(): SharedStore {
  const clock = manualClock(MIDNIGHT);
  return { clock, store: watchedStore(memoryStore({ clock })) };
}

/** A limiter with one policy `p`, in a process of its own on `shared`; every refusal is asked for anew unless told otherwise. */
export function limitRig(
  policy: OnePolicy,
  options: Partial<LimiterOptions> = {},
  shared: SharedStore = sharedStore(),
) {
  const { clock, store } = shared;
  const events: BreakwaterEvent[] = [];
  const kv = createKv({ store, clock, onEvent: (event) => events.push(event) });
  const limiter = createLimiter({ kv, policies: [{ name: 'p', ...policy }], refusalTtlMs: 0, ...options });
  const subjects = { p: 'alice' };
  return {
    ...shared,
    kv,
    events,
    limiter,
    take: (cost = 1, more: CheckOptions = {}) => limiter.check(subjects, { cost, ...more }),
    peek: (cost = 1, more: CheckOptions = {}) => limiter.peek(subjects, { cost, ...more }),
    refund: (cost = 1, more: CheckOptions = {}) => limiter.refund(subjects, { cost, ...more }),
    reset: () => limiter.reset(subjects),
    /** Scripts run so far. */
    scripts: () => store.requests.flat().filter(([name]) => name.startsWith('EVAL')).length,
  };
}

/** As {@link limitRig}, on a store whose replies can be held back. */
export function heldRig(policy: OnePolicy, options: Partial<LimiterOptions> = {}) {
  const clock = manualClock(MIDNIGHT);
  const held: HeldStore = heldStore(memoryStore({ clock }));
  return { ...limitRig(policy, options, { clock, store: watchedStore(held) }), held };
}
