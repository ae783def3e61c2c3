import { createBackground } from '../../client/background.ts';
import { RETRY_MS } from '../../client/retry-after.ts';
import { wholeNumber } from '../../client/whole-number.ts';
import { DAY_MS, isoDay } from '../../clock.ts';
import { isUnavailable } from '../../errors.ts';
import { unavailableBy } from '../unavailable.ts';
import { drainUsage } from './usage-drain.ts';
import { lastDays, usageNames } from './usage-names.ts';
import { checkKeyId, type Flushed, resolveUsageOptions, type Usage, type UsageOptions } from './usage-options.ts';
import { readUsage, readUsageDrained } from './usage-read.ts';
import { createUseBuffer, type Uses } from './use-buffer.ts';
import { MAX_OF_REQUEST, sendUses } from './use-sender.ts';

/** Further than its flush is due, a timer is one that the platform has let go of. */
const LOST_TIMER_MS = 1_000;
const MAX_USES = 1_000_000_000;

/**
 * Counts uses by key and day in Redis, and drains them into PostgreSQL. See docs/usage.md.
 *
 * @throws ConfigError naming the option.
 *
 * @example
 * ```ts
 * const usage = createUsage({ kv });
 * usage.record(keyId);
 * const check = await usage.checkLimit(keyId, 10_000, { days: 30 });
 * ```
 */
export function createUsage(options: UsageOptions): Usage {
  const { kv, name, shards, retentionMs, flushMs, flushKeys, maxBuffered } = resolveUsageOptions(options);
  const { clock } = kv;
  const names = usageNames(kv, name, shards);
  const buffer = createUseBuffer(maxBuffered);
  const background = createBackground(options.waitUntil);
  const counts = { recorded: 0, sent: 0, unknownOutcome: 0, dropped: 0 };
  const flights = new Set<Promise<Flushed>>();
  let pausedUntil = clock.monotonic();
  let timer: { readonly dueAt: number; readonly fire: () => void } | undefined;

  const pause = (ms: number): void => {
    pausedUntil = clock.monotonic() + ms;
  };

  const pauseLeft = (): number => Math.max(0, pausedUntil - clock.monotonic());

  const keep = (uses: Uses): boolean => {
    const kept = buffer.add(uses);
    if (!kept) counts.dropped += uses.count;
    return kept;
  };

  const tell = async (): Promise<Flushed> => {
    const taken = buffer.takeAll();
    if (taken.length === 0) return { status: 'flushed' };
    let failure: unknown;
    for (let at = 0; at < taken.length; at += MAX_OF_REQUEST) {
      const some = taken.slice(at, at + MAX_OF_REQUEST);
      const { told, unknown, refused, kept, error } = await sendUses(kv, names, retentionMs, some);
      counts.sent += told;
      counts.unknownOutcome += unknown;
      counts.dropped += refused;
      for (const uses of kept) keep(uses);
      failure ??= error;
      if (isUnavailable(error)) {
        for (const uses of taken.slice(at + MAX_OF_REQUEST)) keep(uses);
        break;
      }
    }
    if (failure === undefined) {
      pause(0);
      return { status: 'flushed' };
    }
    pause(RETRY_MS);
    const away = unavailableBy(failure);
    pause(away.retryAfterMs);
    return away;
  };

  const flush = async (): Promise<Flushed> => {
    // It may come back, and whoever asks for this may be about to sleep.
    if (flights.size > 0 && kv.sharesPromises) await Promise.allSettled(flights);
    const flight = tell();
    flights.add(flight);
    try {
      return await flight;
    } finally {
      flights.delete(flight);
    }
  };

  /** Has Redis told in a while: by a timer, unless one is waiting. Only a use begins one, so an idle process may end. */
  const schedule = (): void => {
    if (timer && clock.monotonic() <= timer.dueAt + LOST_TIMER_MS) {
      if (pauseLeft() === 0 && buffer.size >= flushKeys) timer.fire();
      return;
    }
    const waitMs = Math.max(pauseLeft(), buffer.size >= flushKeys ? 0 : flushMs);
    background.run(async () => {
      let own: typeof timer;
      await new Promise<void>((resolve) => {
        const cancel = clock.after(waitMs, resolve);
        const fire = () => {
          cancel();
          resolve();
        };
        own = { dueAt: clock.monotonic() + waitMs, fire };
        timer = own;
      });
      // Until Redis has answered no other is set, so that no more is on its way than fits here.
      await flush().finally(() => {
        if (timer === own) timer = undefined;
      });
      if (buffer.size > 0 && pauseLeft() === 0) schedule();
    });
  };

  const reader = { kv, names, maxDays: Math.floor(retentionMs / DAY_MS), buffer, flights };

  return {
    record(keyId, n = 1) {
      const uses = { keyId: checkKeyId(keyId), count: wholeNumber('n', n, 1, MAX_USES), day: isoDay(clock.now()) };
      counts.recorded += uses.count;
      const kept = keep(uses);
      schedule();
      return kept;
    },
    flush,
    async read(keyId, days = 30) {
      checkKeyId(keyId);
      return readUsage(reader, keyId, days);
    },
    async checkLimit(keyId, limit, { days = 30 } = {}) {
      wholeNumber('limit', limit, 0, Number.MAX_SAFE_INTEGER);
      checkKeyId(keyId);
      const read = await readUsage(reader, keyId, days);
      if (read.status === 'unavailable') return read;
      const used = read.total;
      return used < limit
        ? { status: 'within', used, limit, remaining: limit - used }
        : { status: 'exceeded', used, limit };
    },
    drain: async (drainOptions) => drainUsage({ kv, names, retentionMs }, drainOptions),
    readDrained: async (keyId, days, database) =>
      readUsageDrained(kv, database, checkKeyId(keyId), lastDays(clock.now(), wholeNumber('days', days, 1, 3_660))),
    stats: () => ({ ...counts, buffered: buffer.total }),
    settled: background.settled,
  };
}
