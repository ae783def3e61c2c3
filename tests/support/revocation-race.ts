import { setTimeout as delay } from 'node:timers/promises';
import { redisStore } from '../../lib/store/redis.ts';
import { eventually } from './eventually.ts';
import { type FaultProxy, startFaultProxy } from './fault-proxy.ts';
import { type ChildOf, startChild } from './process-calls.ts';
import { type RedisServer, startRedis } from './redis-server.ts';
import { judge, type Outcome, type Seen } from './revocation-outcome.ts';
import type { ProcessSetup, RevocationProcess } from './revocation-process.ts';

/** Where keys are on record: the Redis that everybody asks, or another one, as a source. */
export type Place = 'redis' | 'source';

export interface Setting extends Omit<ProcessSetup, 'redisUrl' | 'sourceUrl'> {
  readonly place: Place;
}

export interface Rounds {
  readonly rounds: number;
  /** Keys that are raced for at the same time. */
  readonly atOnce: number;
  /** Time between two validations of a key in one process, on average. */
  readonly pauseMs: number;
  /** For how long after the last revocation validations go on. */
  readonly watchMs: number;
}

export interface RandomRounds extends Rounds {
  /** Within which each key is revoked, at a random moment. */
  readonly spreadMs: number;
}

export interface Race {
  /** Keys that everybody validates all the time, and that one process revokes at random moments. */
  random(setting: Setting, rounds: RandomRounds): Promise<Outcome>;
  /** As {@link Race.random}, with the Redis gone for the process that revokes, and for it alone. */
  apart(setting: Setting, rounds: RandomRounds): Promise<Outcome>;
  /** As {@link Race.apart}, with Redis and source gone for all the others. */
  alone(setting: Setting, rounds: RandomRounds): Promise<Outcome>;
  /**
   * Keys that every process has looked up before they are revoked, and hears of afterwards: at once, or when the answer is
   * older than `freshMs`.
   */
  gated(setting: Setting, rounds: Rounds, opens: 'at once' | 'late'): Promise<Outcome>;
  stop(): Promise<void>;
}

const WORKERS = 4;

/** Starts two Redis, a process that revokes, and others: `program` is the bundle of `revocation-process.ts`. */
export async function startRace(program: string): Promise<Race> {
  const servers = await Promise.all([startRedis(), startRedis()]);
  const [redis, records] = servers;
  const proxies = await Promise.all([redis, redis, records].map(({ port }) => startFaultProxy(port)));
  const children = Array.from({ length: 1 + WORKERS }, () => startChild<RevocationProcess>(program));
  const [revoker, ...workers] = children.map(({ call }) => call) as [Caller, ...Caller[]];
  const all = [revoker, ...workers];

  const begin = async (setting: Setting, through: readonly (FaultProxy | undefined)[] = []): Promise<void> => {
    await Promise.all([...proxies.map((proxy) => proxy.set('pass')), ...servers.map(empty)]);
    const { place, ...setup } = setting;
    const [revokersRedis, workersRedis, workersRecords] = through;
    const isElsewhere = place === 'source';
    const open = async (process: Caller) => {
      const isRevoker = process === revoker;
      const redisUrl = urlOf((isRevoker ? revokersRedis : workersRedis) ?? redis);
      const recordsAt = (isRevoker ? undefined : workersRecords) ?? records;
      await process.open({ ...setup, redisUrl, sourceUrl: isElsewhere ? urlOf(recordsAt) : undefined });
    };
    await Promise.all(all.map(open));
    const [first] = await revoker.issue(1, true);
    for (const process of all) await process.warm(first?.key ?? '');
  };

  /** Of all processes, since they were opened. */
  const slowestSoFar = async (): Promise<number> =>
    Math.max(...(await Promise.all(all.map((process) => process.slowestMs()))));

  const conclude = async (seen: Seen[], slowestMs: number): Promise<Outcome> =>
    judge(seen, { slackMs: await clockSlackMs(all), slowestMs });

  const batchesOf = ({ rounds, atOnce }: Rounds): readonly number[] =>
    Array.from({ length: Math.ceil(rounds / atOnce) }, (_, index) => Math.min(atOnce, rounds - index * atOnce));

  const watched = () => Promise.all(all.map((process) => process.watchedSo()));

  interface Around {
    readonly before?: () => Promise<unknown>;
    readonly rejoin?: () => Promise<unknown>;
  }

  const raceAtRandom = async (rounds: RandomRounds, { before, rejoin }: Around = {}): Promise<Outcome> => {
    const seen: Seen[] = [];
    let slowestMs = 0;
    for (const count of batchesOf(rounds)) {
      const issued = await revoker.issue(count, true);
      const keys = issued.map(({ key }) => key);
      await Promise.all(all.map((process) => process.watch(keys, rounds.pauseMs)));
      // Everybody has got to know them.
      await delay(3 * rounds.pauseMs);
      await before?.();
      const revoked = await revoker.revoke(
        issued.map(({ id }) => id),
        rounds.spreadMs,
      );
      await delay(rounds.watchMs);
      seen.push({ revoked, sightings: await watched() });
      slowestMs = Math.max(slowestMs, await slowestSoFar());
      await rejoin?.();
    }
    return conclude(seen, slowestMs);
  };

  return {
    async random(setting, rounds) {
      await begin(setting);
      return raceAtRandom(rounds);
    },

    async apart(setting, rounds) {
      const [own] = proxies;
      await begin(setting, [own]);
      const rejoin = async () => {
        await own?.set('pass');
        // Its circuit has opened: the next keys are issued by one that has not.
        await begin(setting, [own]);
      };
      return raceAtRandom(rounds, { before: async () => own?.set('refuse'), rejoin });
    },

    async alone(setting, rounds) {
      const [own, redisOfOthers, recordsOfOthers] = proxies;
      const rejoin = () => begin(setting, proxies);
      await rejoin();
      return raceAtRandom(rounds, {
        before: () => Promise.all([own, redisOfOthers, recordsOfOthers].map((proxy) => proxy?.set('refuse'))),
        rejoin,
      });
    },

    async gated(setting, rounds, opens) {
      await begin(setting);
      const seen: Seen[] = [];
      for (const count of batchesOf(rounds)) {
        const issued = await revoker.issue(count, false);
        const keys = issued.map(({ key }) => key);
        await Promise.all(all.map((process) => process.hold()));
        await Promise.all(all.map((process) => process.ask(keys)));
        for (const process of all) await eventually(async () => (await process.waiting()) >= count);
        const heldAt = performance.now();
        await Promise.all(all.map((process) => process.holdNoMore()));
        const revoked = await revoker.revoke(
          issued.map(({ id }) => id),
          0,
        );
        if (opens === 'late') await delay(Math.max(0, heldAt + setting.freshMs + 1 - performance.now()));
        await Promise.all(all.map((process) => process.release()));
        const answers = await Promise.all(all.map((process) => process.answers()));
        await Promise.all(all.map((process) => process.watch(keys, rounds.pauseMs)));
        await delay(rounds.watchMs);
        const later = await watched();
        seen.push({ revoked, sightings: later.map((one, index) => [...(answers[index] ?? []), ...one]) });
      }
      return conclude(seen, await slowestSoFar());
    },

    async stop() {
      await Promise.all(children.map((child: ChildOf<RevocationProcess>) => child.stop()));
      await Promise.all(proxies.map((proxy) => proxy.close()));
      await Promise.all(servers.map((server) => server.stop()));
    },
  };
}

type Caller = ChildOf<RevocationProcess>['call'];

function urlOf({ port }: { readonly port: number }): string {
  return `redis://127.0.0.1:${port}`;
}

async function empty({ url }: RedisServer): Promise<void> {
  const store = redisStore({ url });
  await store.execute([['FLUSHALL']]);
  await store.close();
}

/** By how much the clocks of processes contradict each other: what happened between two moments has to lie between them. */
async function clockSlackMs(processes: readonly Caller[]): Promise<number> {
  const here = () => Number(process.hrtime.bigint()) / 1e6;
  let slackMs = 0;
  for (const other of processes) {
    for (let turn = 0; turn < 20; turn += 1) {
      const before = here();
      const there = await other.now();
      slackMs = Math.max(slackMs, before - there, there - here());
    }
  }
  return slackMs;
}
