import { setTimeout as delay } from 'node:timers/promises';
import { createKv } from '../../lib/client/kv-client.ts';
import { systemClock } from '../../lib/clock.ts';
import type { LockContext } from '../../lib/primitives/lock/lock.ts';
import { createLocks } from '../../lib/primitives/lock/locks.ts';
import { redisStore } from '../../lib/store/redis.ts';
import { EXTENDS_LOST, FENCE_WITHOUT_CLOCK, type LockDefect, RELEASES_ANY } from './lock-defects.ts';
import type { Sighting } from './lock-history.ts';
import { answerCalls } from './process-calls.ts';
import { defectiveClock, rewritingScripts } from './revocation-defects.ts';

export type ProcessDefect = 'releases-any' | 'fence-without-clock' | 'extends-lost' | 'slow-clock';

const DEFECTS: Readonly<Partial<Record<ProcessDefect, LockDefect>>> = {
  'releases-any': RELEASES_ANY,
  'fence-without-clock': FENCE_WITHOUT_CLOCK,
  'extends-lost': EXTENDS_LOST,
};

export interface LockProcessSetup {
  /** What the contenders are called. */
  readonly contenders: readonly string[];
  readonly redisUrl: string;
  /** Of another Redis, that nothing happens to: it numbers all that is seen. */
  readonly evidenceUrl: string;
  readonly ttlMs: number;
  /** The share of visits that last longer than a lock does without being extended. */
  readonly longShare: number;
  readonly defect?: ProcessDefect | undefined;
}

export const SIGHTINGS = 'sightings';
export const TICK = 'tick';

let isOver = false;
let running: Promise<unknown> = Promise.resolve();

function start(setup: LockProcessSetup): void {
  const { contenders, redisUrl, evidenceUrl, ttlMs, longShare, defect } = setup;
  const lua = defect && DEFECTS[defect]?.lua;
  const redis = redisStore({ url: redisUrl });
  const kv = createKv({
    store: lua ? rewritingScripts(redis, lua) : redis,
    clock: defect === 'slow-clock' ? defectiveClock(defect) : systemClock,
    requestTimeoutMs: 1_000,
    breaker: { failureThreshold: 50, timeout: 20 },
    slowMs: false,
  });
  const evidence = createKv({ store: redisStore({ url: evidenceUrl }), requestTimeoutMs: 20_000, slowMs: false });
  const tick = () => evidence.command(['INCR', TICK]).then(Number);
  const locks = createLocks({ kv, ttlMs, retryMs: 50, waitMs: 5_000 });

  const contend = async (contender: string): Promise<void> => {
    while (!isOver) {
      const askedAt = await tick();
      const visit = `${contender}.${askedAt}`;
      const stay = async ({ fence, isValid }: Pick<LockContext, 'fence' | 'isValid'>, stayMs: number) => {
        const until = performance.now() + stayMs;
        do {
          const atMs = Number(process.hrtime.bigint()) / 1e6;
          const sighting: Sighting = { visit, contender, fence, askedAt, tick: await tick(), atMs };
          if (isValid()) await evidence.command(['RPUSH', SIGHTINGS, JSON.stringify(sighting)]);
          await delay(Math.random() * 4);
        } while (performance.now() < until);
      };
      const isLong = Math.random() < longShare;
      const shortMs = Math.random() * 5;
      try {
        if (Math.random() < 0.5) {
          await locks.withLock('k', {}, (context) => stay(context, isLong ? 2.5 * ttlMs : shortMs));
        } else {
          const acquired = await locks.acquire('k');
          if (acquired.status === 'acquired') {
            // Past its end: what is released then is another's, or nobody's.
            await stay(acquired.lock, isLong ? 1.3 * ttlMs : shortMs);
            await acquired.lock.release();
          }
        }
      } catch (error) {
        console.error(error);
      }
      await delay(Math.random() * 30);
    }
  };
  running = Promise.all(contenders.map(contend)).then(() => Promise.all([kv.close(), evidence.close()]));
}

const pid = (): number => process.pid;

/** When all have left. */
async function finish(): Promise<void> {
  isOver = true;
  await running;
}

export type LockProcess = { readonly start: typeof start; readonly pid: typeof pid; readonly finish: typeof finish };

answerCalls({ start, pid, finish });
