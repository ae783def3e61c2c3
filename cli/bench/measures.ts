import type { KvClient } from '../../lib/client/kv-client.ts';
import { createGuard } from '../../lib/guard/guard.ts';
import { createApiKeys } from '../../lib/keys/api-keys.ts';
import { createKeyNames } from '../../lib/keys/key-names.ts';
import { functionKeySource } from '../../lib/keys/source/function-key-source.ts';
import { createLimiter } from '../../lib/limit/limiter.ts';
import { Failure } from '../failure.ts';

/** One thing whose round trip is measured. */
export interface Measure {
  readonly name: string;
  /** Commands of the plan that a call takes. */
  readonly commands: number;
  /** Writes what it needs. */
  readonly prepare?: (() => Promise<void>) | undefined;
  /** Does it once, for one of those who do it at the same time. Rejects when Redis has not answered. */
  run(worker: number): Promise<void>;
}

/** How long anything that is written lives at most. */
export const BENCH_TTL_MS = 60_000;
const PIPELINED = 5;
/** More than anybody can spend meanwhile. */
const LIMIT = { limit: 10_000_000, windowMs: BENCH_TTL_MS };

/** All that is measured, on keys below the namespace of `kv`. */
export function createMeasures(kv: KvClient): readonly Measure[] {
  const key = `${kv.namespace}value`;
  const get = ['GET', key] as const;
  const prepare = async () => void (await kv.command(['SET', key, 'x'.repeat(100), 'PX', BENCH_TTL_MS]));
  const limiter = createLimiter({ kv, policies: [{ name: 'bench', ...LIMIT }] });
  return [
    { name: 'PING', commands: 1, run: async () => void (await kv.command(['PING'])) },
    { name: 'GET of 100 bytes', commands: 1, prepare, run: async () => void (await kv.command(get)) },
    {
      name: `${PIPELINED} GETs in one request`,
      commands: PIPELINED,
      prepare,
      run: async () => void (await kv.execute(Array.from({ length: PIPELINED }, () => get))),
    },
    {
      name: 'limit check',
      commands: 1,
      async run(worker) {
        const { basis } = await limiter.check({ bench: `worker-${worker}` });
        if (basis !== 'store') throw notAnswered();
      },
    },
    guardedRequest(kv),
  ];
}

/** What the guard asks of Redis before a handler runs: who it is, and two limits. The key is on record in this process only. */
function guardedRequest(kv: KvClient): Measure {
  const source = functionKeySource(async () => ({ id: 'bench', owner: 'bench' }));
  const keys = createApiKeys({ kv, source, countUsage: false, entryTtlMs: BENCH_TTL_MS });
  const limiter = createLimiter({ kv, policies: ['ip', 'key'].map((name) => ({ name, ...LIMIT })) });
  const routes = [{ path: '/*', limits: { ip: 'ip', key: 'key' } }] as const;
  const guard = createGuard({ kv, keys, limiter, routes, clientIp: () => '192.0.2.1' });
  const key = keys.format.generate();
  const request = new Request('http://localhost/', { headers: { authorization: `Bearer ${key}` } });
  const run = async (): Promise<void> => {
    const { outcome, degraded } = await guard.check(request);
    if (outcome !== 'allow' || degraded.length > 0) throw notAnswered();
  };
  const prepare = async (): Promise<void> => {
    await run();
    // That a key has been seen is remembered for a month: not of this one.
    const { seen } = createKeyNames(kv.namespace);
    await kv.command(['PEXPIRE', seen(await keys.digest(key)), BENCH_TTL_MS]);
  };
  return { name: 'guarded request', commands: 1, prepare, run };
}

function notAnswered(): Failure {
  return new Failure(1, 'Redis did not answer in time, or refused: breakwater doctor says why');
}
