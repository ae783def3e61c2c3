import { createBackground } from '../../client/background.ts';
import { runScript, runScriptsWith, type ScriptCall } from '../../client/script.ts';
import { wholeNumber } from '../../client/whole-number.ts';
import { DAY_MS, elapsedSince, type Instant, instant } from '../../clock.ts';
import { ConfigError, isUnavailable } from '../../errors.ts';
import { shardOf } from '../shard.ts';
import { hasNotRun, type Unavailable, unavailableBy } from '../unavailable.ts';
import { drainAnalytics } from './analytics-drain.ts';
import { analyticsNames } from './analytics-names.ts';
import {
  type Analytics,
  type AnalyticsOptions,
  type CountOptions,
  resolveAnalyticsOptions,
} from './analytics-options.ts';
import { countScript } from './count-script.ts';
import { eventField } from './event-field.ts';
import { type Count, createHeldCounts } from './held-counts.ts';

const ONCE_MS = 300_000;
const MAX_ONCE_MS = 30 * DAY_MS;
const MAX_ID = 512;
const MAX_BY = 1_000_000_000;
/** Counts that one request brings along. */
const MAX_OF_REQUEST = 200;

/**
 * Counts events in Redis, by whatever dimensions, and drains them into PostgreSQL, each exactly once. See docs/analytics.md.
 *
 * @throws ConfigError naming the option.
 *
 * @example
 * ```ts
 * const analytics = createAnalytics({ kv });
 * await analytics.count('page_view', { path: '/pricing' }, { once: { id: visitorId, ttlMs: 300_000 } });
 * await analytics.drain({ query: postgresQuery({ url: process.env.DATABASE_URL ?? '' }) });
 * ```
 */
export function createAnalytics(options: AnalyticsOptions): Analytics {
  const { kv, name, shards, retentionMs, batchFields, maxBuffered } = resolveAnalyticsOptions(options);
  const names = analyticsNames(kv, name);
  const held = createHeldCounts(maxBuffered);
  const background = createBackground(options.waitUntil);
  const counts = { unknownOutcome: 0, dropped: 0 };

  const callOf = async ({ event, field, by, once }: Count): Promise<ScriptCall> => {
    // By its id where that counts once, so that all who come with it meet in one slot.
    const { live, seen } = await names(shardOf(once ? `${event} ${once.id}` : field, shards));
    const args = [field, by, retentionMs];
    if (!once) return { script: countScript, keys: [live], args };
    return { script: countScript, keys: [live, await seen(event, once.id)], args: [...args, once.ttlMs] };
  };

  const lose = ({ by, askedAt }: Count): void => {
    if (askedAt) counts.unknownOutcome += by;
    else counts.dropped += by;
  };

  /** Whether it is kept here, to be told later. With `once` also where nobody knows whether it was counted. */
  const keep = (count: Count, error: unknown, sentAt: Instant): boolean => {
    const isDoubtful = isUnavailable(error) && !hasNotRun(error);
    const its = isDoubtful ? { ...count, askedAt: count.askedAt ?? sentAt } : count;
    const isKept = isUnavailable(error) && (!isDoubtful || count.once !== undefined) && held.add(its);
    if (!isKept) lose(its);
    return isKept;
  };

  /** Whether its id is still remembered when it arrives, if it has been counted. */
  const isTellable = ({ askedAt, once }: Count): boolean =>
    !askedAt || !once || elapsedSince(askedAt, kv.clock) + kv.requestTimeoutMs < once.ttlMs;

  const flush = async (): Promise<{ readonly status: 'flushed' } | Unavailable> => {
    const taken = held.takeAll();
    let failure: unknown;
    for (let at = 0; at < taken.length && !isUnavailable(failure); at += MAX_OF_REQUEST) {
      const some: Count[] = [];
      for (const count of taken.slice(at, at + MAX_OF_REQUEST)) {
        if (isTellable(count)) some.push(count);
        else lose(count);
      }
      if (some.length === 0) continue;
      const sentAt = instant(kv.clock);
      const calls = await Promise.all(some.map(callOf));
      const results = await runScriptsWith(kv, calls, []).catch((error: unknown) => calls.map(() => error));
      for (const [index, count] of some.entries()) {
        const result = results[index];
        if (result instanceof Error) keep(count, result, sentAt);
      }
      const errors = results.filter((result) => result instanceof Error);
      failure = errors.find(isUnavailable) ?? failure ?? errors[0];
      if (isUnavailable(failure)) {
        for (const count of taken.slice(at + MAX_OF_REQUEST)) if (!held.add(count)) lose(count);
      }
    }
    return failure === undefined ? { status: 'flushed' } : unavailableBy(failure);
  };

  return {
    async count(event, dimensions = {}, countOptions = {}) {
      const count = { event, field: eventField(kv.clock.now(), event, dimensions), ...countedBy(countOptions) };
      const { once } = count;
      const sentAt = instant(kv.clock);
      let answer: unknown;
      try {
        answer = await runScript(kv, await callOf(count));
      } catch (error) {
        const away = unavailableBy(error);
        const isHere = once !== undefined && held.has(event, once.id);
        if (keep(count, error, sentAt)) return { status: isHere ? 'duplicate' : 'buffered' };
        return hasNotRun(error) ? { ...away, mayHaveRun: false } : away;
      }
      // One of the two is in Redis now, and one is all that counts.
      const wasHere = once !== undefined && held.remove(event, once.id);
      if (held.size > 0) background.run(flush);
      return { status: answer === 1 && !wasHere ? 'counted' : 'duplicate' };
    },
    flush,
    drain: async (drainOptions) => drainAnalytics({ kv, names, shards, batchFields }, drainOptions),
    stats: () => ({ ...counts, buffered: held.size }),
    settled: background.settled,
  };
}

/** @throws ConfigError naming the option */
function countedBy({ by = 1, once }: CountOptions): Pick<Count, 'by' | 'once'> {
  wholeNumber('by', by, 1, MAX_BY);
  if (!once) return { by, once: undefined };
  const { id, ttlMs = ONCE_MS } = once;
  if (id.length === 0 || id.length > MAX_ID) throw new ConfigError('once.id', `must be 1 to ${MAX_ID} characters`);
  return { by, once: { id, ttlMs: wholeNumber('once.ttlMs', ttlMs, 1, MAX_ONCE_MS) } };
}
