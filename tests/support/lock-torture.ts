import { setTimeout as delay } from 'node:timers/promises';
import { redisStore } from '../../lib/store/redis.ts';
import { startFaultProxy } from './fault-proxy.ts';
import { type Flush, type Judgement, judgeLocks, type Sighting } from './lock-history.ts';
import { type LockProcess, type LockProcessSetup, type ProcessDefect, SIGHTINGS, TICK } from './lock-process.ts';
import { type ChildOf, startChild } from './process-calls.ts';
import { startRedis } from './redis-server.ts';

export interface TortureOptions {
  /** The bundle of `lock-process.ts`. */
  readonly program: string;
  readonly processes: number;
  readonly contendersEach: number;
  readonly longShare: number;
  readonly defect?: ProcessDefect | undefined;
  /** Asked now and then, of what has been seen so far, once everything has happened that is to happen. */
  readonly isEnough: (judgement: Judgement) => boolean;
  /** Ends even if it is not enough. */
  readonly mostMs: number;
}

export interface TortureOutcome extends Judgement {
  readonly kills: number;
  readonly freezes: number;
  readonly cuts: number;
  readonly flushes: number;
}

const TTL_MS = 300;

interface Contestant {
  readonly setup: LockProcessSetup;
  readonly proxy: Awaited<ReturnType<typeof startFaultProxy>>;
  child: ChildOf<LockProcess>;
}

/**
 * Processes whose contenders want one lock of a real Redis, while connections are cut behind a request, processes are
 * suspended for longer than a lock lives, or killed and started again, and Redis loses all its keys.
 */
export async function tortureLocks(options: TortureOptions): Promise<TortureOutcome> {
  const { program, processes, contendersEach, longShare, defect, isEnough, mostMs } = options;
  const servers = await Promise.all([startRedis(), startRedis()]);
  const [redis, evidenceServer] = servers;
  const direct = redisStore({ url: redis.url });
  const evidence = redisStore({ url: evidenceServer.url });
  const tick = async () => Number((await evidence.execute([['INCR', TICK]]))[0]);
  const done = { kills: 0, freezes: 0, cuts: 0 };
  const flushes: Flush[] = [];

  const contestants = await Promise.all(
    Array.from({ length: processes }, async (_, index): Promise<Contestant> => {
      const proxy = await startFaultProxy(redis.port);
      const contenders = Array.from({ length: contendersEach }, (_, number) => `p${index}-${number}`);
      const redisUrl = `redis://127.0.0.1:${proxy.port}`;
      const setup = { contenders, redisUrl, evidenceUrl: evidenceServer.url, ttlMs: TTL_MS, longShare, defect };
      return { setup, proxy, child: startChild<LockProcess>(program) };
    }),
  );
  const begin = ({ child, setup }: Contestant) => child.call.start(setup);

  const strikes: readonly ((one: Contestant) => Promise<unknown>)[] = [
    async ({ proxy }) => {
      done.cuts += 1;
      await proxy.set({ cutAfter: 0 });
      await delay(20);
      await proxy.set('pass');
    },
    async ({ child }) => {
      const pid = await child.call.pid();
      done.freezes += 1;
      process.kill(pid, 'SIGSTOP');
      await delay(1.5 * TTL_MS);
      process.kill(pid, 'SIGCONT');
    },
    async (one) => {
      done.kills += 1;
      await one.child.stop();
      one.child = startChild<LockProcess>(program);
      await begin(one);
    },
    async () => {
      const began = await tick();
      await direct.execute([['FLUSHALL']]);
      flushes.push({ began, ended: await tick(), atMs: Number(process.hrtime.bigint()) / 1e6 });
    },
  ];

  const judgement = async (): Promise<Judgement> => {
    const [texts] = await evidence.execute([['LRANGE', SIGHTINGS, 0, -1]]);
    const sightings = (Array.isArray(texts) ? texts : []).map((text): Sighting => JSON.parse(String(text)));
    return judgeLocks({ sightings, flushes, ttlMs: TTL_MS });
  };

  try {
    await Promise.all(contestants.map(begin));
    const giveUpAt = performance.now() + mostMs;
    let round = 0;
    do {
      for (const strike of strikes) {
        await delay(150);
        const struck = contestants[round % contestants.length];
        if (struck) await strike(struck);
        round += 1;
      }
      // So that not every process is met by the same of them.
      round += 1;
    } while (performance.now() < giveUpAt && !(round >= MIN_ROUNDS && isEnough(await judgement())));
    await Promise.all(contestants.map(({ child }) => child.call.finish()));
    return { ...(await judgement()), ...done, flushes: flushes.length };
  } finally {
    await Promise.all(contestants.map(({ child }) => child.stop()));
    await Promise.all(contestants.map(({ proxy }) => proxy.close()));
    await Promise.all([direct.close(), evidence.close()]);
    await Promise.all(servers.map((server) => server.stop()));
  }
}

/** Four rounds of everything. */
const MIN_ROUNDS = 20;
