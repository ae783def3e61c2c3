import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startRedis } from '../support/redis-server.ts';
import { COMMANDS, commandName, createCoverage } from './coverage.ts';
import { compare, type Emptied, type Sides } from './differential.ts';
import { expiringSequencesFor, meetingsIn } from './expiry-arbitraries.ts';
import { connectResp2 } from './resp2-connection.ts';
import { CLUSTER_DIFFERS, sequencesFor, type Where } from './sequence-arbitraries.ts';

const RUNS = Number(process.env.DIFF_RUNS ?? 2_000);
const EXPIRING_RUNS = Math.ceil(RUNS * 0.15);
const SEED = Number(process.env.DIFF_SEED ?? Math.trunc(Math.random() * 2 ** 31));

const TYPES = ['string', 'hash', 'set', 'zset', 'list', 'stream'];
const MEETING =
  'get ttl incr hset zadd lpush sadd set getex persist rename expire eval exists type scan keys dbsize sunion mget xadd';

export interface Differential {
  readonly where?: Where;
  readonly start: () => Promise<{ readonly empty: Emptied; readonly stop?: () => Promise<void> }>;
}

/** A Redis of its own that is asked without a client in between. */
export async function startBareRedis() {
  const server = await startRedis();
  const connection = await connectResp2(server.port);
  const empty: Emptied = async () => {
    await connection.send([['FLUSHALL'], ['SCRIPT', 'FLUSH']]);
    return connection;
  };
  const stop = async (): Promise<void> => {
    connection.close();
    await server.stop();
  };
  return { empty, stop };
}

/** What every store answers as Redis does. */
export function storeDifferential(name: string, { where = 'one node', start }: Differential): void {
  describe(`the ${name} store and Redis 7.0 on a bare socket`, () => {
    const stops: (() => Promise<void>)[] = [];
    let sides: Sides;

    beforeAll(async () => {
      const bare = await startBareRedis();
      stops.push(bare.stop);
      const started = await start();
      if (started.stop) stops.push(started.stop);
      sides = { store: started.empty, redis: bare.empty };
    }, 30_000);
    afterAll(async () => {
      await Promise.all(stops.map((stop) => stop()));
    });

    it(
      'answer the same to any sequence of commands',
      async () => {
        announce(name, 'of any commands', RUNS);
        if (where === 'cluster')
          console.log(
            `Differs by nature on a Cluster:\n${Object.entries(CLUSTER_DIFFERS)
              .map(([what, how]) => `${what} ${how}`)
              .join('\n')}`,
          );
        const commands = createCoverage(COMMANDS);
        await compare(sides, {
          ...{ sequences: sequencesFor(where), runs: RUNS, seed: SEED },
          onSame: (exchanges) => {
            for (const exchange of exchanges) commands.note(commandName(exchange.command), exchange);
          },
        });
        console.log(`${name}: commands compared/answered by other than an error\n${commands.table()}`);
        expect(commands.missing()).toEqual([]);
      },
      60_000 + RUNS * 100,
    );

    it(
      'answer the same when time passes and values expire',
      async () => {
        announce(name, 'in which values expire', EXPIRING_RUNS);
        const types = createCoverage(TYPES);
        const meeting = createCoverage(MEETING.split(' '));
        await compare(sides, {
          ...{ sequences: expiringSequencesFor(where), runs: EXPIRING_RUNS, seed: SEED },
          onSame: (exchanges) => {
            for (const { type, exchange } of meetingsIn(exchanges)) {
              types.note(type, exchange);
              meeting.note(commandName(exchange.command), exchange);
            }
          },
        });
        console.log(`${name}: expired values by type, and what met them first\n${types.table()}\n${meeting.table()}`);
        expect([...types.missing(), ...meeting.missing()]).toEqual([]);
      },
      60_000 + EXPIRING_RUNS * 200,
    );
  });
}

function announce(name: string, what: string, runs: number): void {
  console.log(`${name}: ${runs} sequences ${what}, DIFF_SEED=${SEED}`);
}
