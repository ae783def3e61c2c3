import { AssertionError } from 'node:assert';
import type { Clock } from '../../lib/clock.ts';
import type { BreakerSettings } from '../../lib/resilience/breaker-options.ts';
import type { Store } from '../../lib/store/store.ts';

/** Defects that a scenario can be run with, to see it fail. What is planted is in the scenario's surroundings, never in lib. */
export interface Plant {
  readonly store?: (store: Store) => Store;
  readonly clock?: (clock: Clock) => Clock;
  readonly breaker?: BreakerSettings;
}

export const SOUND: Plant = {};

/** Sends again what failed, as eager clients do. */
export const RETRYING_STORE: Plant = {
  store: (store) => ({
    ...store,
    execute: (commands, { signal: _, ...options } = {}) =>
      store
        .execute(commands, { ...options, signal: AbortSignal.timeout(100) })
        .catch(() => store.execute(commands, options)),
  }),
};

/** Its timers never ring: there are no deadlines. */
export const DEAF_CLOCK: Plant = { clock: (clock) => ({ ...clock, after: () => () => {} }) };

/** Takes the wall clock for a measure of time that has passed. */
export const WALL_ONLY_CLOCK: Plant = {
  clock: (clock) => ({ ...clock, now: () => clock.now(), monotonic: () => clock.now() }),
};

/** Does not bound its probes. */
export const UNBOUNDED_PROBES: Plant = { breaker: { halfOpenMaxConcurrent: 1_000, successThreshold: 1_000 } };

/** Loses the tombstones of API keys as soon as they are written. */
export const LOSING_TOMBSTONES: Plant = {
  store: (store) => ({
    ...store,
    async execute(commands, options) {
      const replies = await store.execute(commands, options);
      const [names] = await store.execute([['KEYS', 'auth:1:*']]);
      for (const name of Array.isArray(names) ? names.map(String) : []) {
        const [text] = await store.execute([['GET', name]]);
        if (String(text).includes('"revoked"')) await store.execute([['DEL', name]]);
      }
      return replies;
    },
  }),
};

/** Runs a scenario that has to fail, by an expectation of its own. */
export async function turnsRed(scenario: () => Promise<void>): Promise<void> {
  const error = await scenario().then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error === undefined) throw new AssertionError({ message: 'The scenario does not notice the planted defect' });
  if (!(error instanceof Error && error.name === 'AssertionError')) throw error;
}
