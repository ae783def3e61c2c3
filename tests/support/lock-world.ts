import { createKv } from '../../lib/client/kv-client.ts';
import type { Clock } from '../../lib/clock.ts';
import { StoreError } from '../../lib/errors.ts';
import type { LockContext } from '../../lib/primitives/lock/lock.ts';
import { createLocks } from '../../lib/primitives/lock/locks.ts';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';
import type { Store } from '../../lib/store/store.ts';
import { agendaClock } from './agenda-clock.ts';
import { dice } from './dice.ts';
import type { Flush, LockHistory, Sighting } from './lock-history.ts';
import { preparedScripts } from './lock-rig.ts';

export interface LockWorldOptions {
  readonly seed: number;
  readonly contenders: number;
  readonly forMs: number;
  /** How much faster than the holders' clocks that of Redis goes, as a share. */
  readonly drift: number;
  /** What requests take there, and replies back, at most. */
  readonly delayMs: number;
  /** The share of requests that are lost, or their replies. */
  readonly loss: number;
  readonly flushes: number;
}

const TTL_MS = 1_000;
const KEY = 'k';

/**
 * Processes that want one lock, on a Redis that takes its time, loses some requests and now and then all its keys. Some of
 * them extend the lock, some go on past its end and release it then.
 */
export async function playLocks(options: LockWorldOptions): Promise<LockHistory> {
  const { seed, contenders, forMs, drift, delayMs, loss } = options;
  const clock = agendaClock();
  const random = dice(seed);
  const startedAt = clock.monotonic();
  const memory = memoryStore({ clock: fasterClock(clock, drift) });
  await preparedScripts(memory);
  const sightings: Sighting[] = [];
  const flushes: Flush[] = [];
  let ticks = 0;
  let visits = 0;

  const after = (ms: number) => new Promise<void>((resolve) => void clock.after(ms, resolve));
  const isOver = () => clock.monotonic() - startedAt > forMs;

  const transport: Store = {
    kind: 'memory',
    async execute(commands) {
      const isLost = random.chance(loss);
      const isReplyLost = random.chance(0.5);
      await after(random.whole(0, delayMs));
      if (isLost && !isReplyLost) throw new StoreError('network', 'lost', { mayHaveRun: true });
      const replies = await memory.execute(commands);
      await after(random.whole(0, delayMs));
      if (isLost) throw new StoreError('network', 'lost', { mayHaveRun: true });
      return replies;
    },
    close: async () => {},
  };

  const contend = async (contender: string): Promise<void> => {
    // Breakers are not what is tried here.
    const kv = createKv({ store: transport, clock, requestTimeoutMs: 200, breaker: { failureThreshold: 10_000 } });
    const locks = createLocks({ kv, ttlMs: TTL_MS, retryMs: 40, random: random.share });
    while (!isOver()) {
      visits += 1;
      const visit = `${contender}.${visits}`;
      const askedAt = ticks;
      const stay = async ({ fence, isValid }: Pick<LockContext, 'fence' | 'isValid'>, stayMs: number) => {
        const until = clock.monotonic() + stayMs;
        do {
          ticks += 1;
          if (isValid()) {
            sightings.push({ visit, contender, fence, askedAt, tick: ticks, atMs: clock.monotonic() });
          }
          await after(random.whole(1, 5));
        } while (clock.monotonic() < until);
      };
      const wait = { waitMs: random.whole(0, 4_000) };
      if (random.chance(0.5)) {
        await locks.withLock(KEY, wait, (context) => stay(context, random.pick([10, 100, 700, 3_000])));
      } else {
        const acquired = await locks.acquire(KEY, wait);
        if (acquired.status === 'acquired') {
          await stay(acquired.lock, random.pick([10, 100, 1_100, 1_500]));
          await acquired.lock.release();
        }
      }
      await after(random.whole(0, 50));
    }
  };

  const losses = async (): Promise<void> => {
    for (let count = 0; count < options.flushes; count += 1) {
      await after(random.whole(0, (2 * forMs) / (options.flushes + 1)));
      await memory.execute([['FLUSHALL']]);
      await preparedScripts(memory);
      flushes.push({ began: ticks, ended: ticks + 1, atMs: clock.monotonic() });
      ticks += 1;
    }
  };

  const all = Promise.all([losses(), ...Array.from({ length: contenders }, (_, index) => contend(`c${index}`))]);
  await clock.play(startedAt + 3 * forMs);
  await all;
  return { sightings, flushes, ttlMs: TTL_MS };
}

/** Another machine's clock, that goes faster. */
function fasterClock(clock: Clock, drift: number): Clock {
  const [wall, monotonic] = [clock.now(), clock.monotonic()];
  const fast = (since: number, now: number) => since + (now - since) * (1 + drift);
  return {
    now: () => fast(wall, clock.now()),
    monotonic: () => fast(monotonic, clock.monotonic()),
    after: (ms, run) => clock.after(ms / (1 + drift), run),
  };
}
