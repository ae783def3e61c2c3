import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type RestEndpoint, startRestEndpoint } from '../../cli/rest/endpoint.ts';
import { createKv } from '../../lib/client/kv-client.ts';
import { createGuard } from '../../lib/guard/guard.ts';
import { createApiKeys } from '../../lib/keys/api-keys.ts';
import { createLimiter } from '../../lib/limit/limiter.ts';
import { createEventLog } from '../../lib/log.ts';
import { redisStore } from '../../lib/store/redis.ts';
import type { Command, Store } from '../../lib/store/store.ts';
import { upstashStore } from '../../lib/store/upstash.ts';
import { eventually } from '../support/eventually.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { type WatchedStore, watchedStore } from '../support/watched-store.ts';

const TOKEN = 'token-of-the-outage-tests';
const HOUR_MS = 3_600_000;
const OPEN_MS = 200;
const TIMEOUT_MS = 400;

let redis: RedisServer;
let admin: Store;
let endpoint: RestEndpoint;

beforeAll(async () => {
  redis = await startRedis();
  admin = redisStore({ url: redis.url });
  endpoint = await startRestEndpoint({ store: admin, token: TOKEN });
});
beforeEach(() => tell(['FLUSHALL'], ['SCRIPT', 'FLUSH']));
afterAll(async () => {
  await endpoint.close();
  await admin.close();
  await redis.stop();
});

async function tell(...commands: readonly Command[]): Promise<void> {
  for (const reply of await admin.execute(commands)) expect(reply).not.toHaveProperty('error');
}

/** One process of an application: a guard on a client of its own, what it logs, and what it sends. */
class Process {
  readonly lines: string[] = [];
  readonly store: WatchedStore;
  readonly kv;
  readonly keys;
  readonly limiter;
  readonly #guard;

  constructor(store: Store, timeoutMs = TIMEOUT_MS) {
    this.store = watchedStore(store);
    this.kv = createKv({
      store: this.store,
      requestTimeoutMs: timeoutMs,
      breaker: { timeout: OPEN_MS },
      // How fast the machine is today is no line of these tests.
      slowMs: false,
      onEvent: createEventLog((line) => this.lines.push(line)),
    });
    this.keys = createApiKeys({ kv: this.kv, pepper: { kid: 'p', secret: 'pepper-of-the-outage-tests' } });
    this.limiter = createLimiter({
      kv: this.kv,
      policies: [
        { name: 'ip', limit: 1_000_000, windowMs: HOUR_MS },
        { name: 'key', limit: 1_000_000, windowMs: HOUR_MS },
      ],
    });
    this.#guard = createGuard({
      kv: this.kv,
      keys: this.keys,
      limiter: this.limiter,
      clientIp: (headers) => headers.get('x-real-ip') ?? undefined,
      routes: [{ path: '/api/*', limits: { ip: 'ip', key: 'key' } }],
    });
  }

  /** `200`, or the status and the reason; then what could not rest on Redis. */
  async knock(key: string, address = '192.0.2.1'): Promise<string> {
    const headers = { authorization: `Bearer ${key}`, 'x-real-ip': address };
    const decision = await this.#guard.check(new Request('https://example.test/api/x', { headers }));
    const outcome = decision.outcome === 'allow' ? '200' : `${decision.status} ${decision.code}`;
    return [outcome, ...decision.degraded].join(', ');
  }

  async knocks(times: number, key: () => string): Promise<ReadonlySet<string>> {
    return new Set(await Promise.all(Array.from({ length: times }, () => this.knock(key()))));
  }

  get circuit(): string {
    return this.kv.circuit.state().state;
  }

  async newKey(limit = 1_000_000): Promise<string> {
    return (await this.keys.create({ owner: 'acme', limits: { key: { limit, windowMs: HOUR_MS } } })).key;
  }
}

const started: Process[] = [];
function start(store: Store = redisStore({ url: redis.url }), timeoutMs?: number): Process {
  const process = new Process(store, timeoutMs);
  started.push(process);
  return process;
}
afterEach(async () => {
  await Promise.all(started.splice(0).map(({ kv }) => kv.close()));
});

const KNOWN = '200, keys, limit';
const UNKNOWN = '503 key-store-unavailable, keys, limit';

/** Knocks until the circuit is closed again, and requests rest on Redis. */
const heals = (app: Process, key: string) => eventually(async () => (await app.knock(key)) === '200');

describe.each([
  ['by TCP', () => redisStore({ url: redis.url })],
  ['by REST', () => upstashStore({ url: endpoint.url, token: TOKEN })],
])('a Redis that accepts and does not answer, %s', (_, open) => {
  afterEach(() => redis.kill('SIGCONT'));

  it('opens the circuit, makes nobody wait from then on, and is used again as soon as it answers', async () => {
    const app = start(open());
    const key = await app.newKey();
    const limited = await app.newKey(2);
    for (const known of [key, limited]) expect(await app.knock(known)).toBe('200');

    await redis.kill('SIGSTOP');
    await eventually(async () => {
      expect(await app.knocks(10, () => key)).toEqual(new Set([KNOWN]));
      return app.circuit === 'OPEN';
    });
    const { opened } = app.kv.circuit.state().totals;
    const sent = app.store.requests.length;
    const answers = [KNOWN, KNOWN, '429 quota-exceeded, keys, limit'];
    for (const expected of answers) expect(await app.knock(limited)).toBe(expected);
    expect(await app.knocks(50, app.keys.format.generate)).toEqual(new Set([UNKNOWN]));
    // Unless the machine was so slow that a probe fell due in between.
    if (app.kv.circuit.state().totals.opened === opened && app.circuit === 'OPEN') {
      expect(app.store.requests).toHaveLength(sent);
    }

    // Longer than the circuit stays open: a probe meets the black hole as well.
    await eventually(async () => {
      expect(await app.knock(key)).toBe(KNOWN);
      return app.kv.circuit.state().totals.opened > opened;
    });
    await redis.kill('SIGCONT');
    await heals(app, key);
    expect(await app.knock(app.keys.format.generate())).toBe('401 api-key-invalid');
    expect(app.lines.filter((line) => line.includes('KV unavailable'))).toHaveLength(1);
    expect(app.lines.filter((line) => line.includes('CLOSED (recovered)'))).toHaveLength(1);
    expect(app.lines.join()).not.toMatch(/bw_live|acme|192\.0\.2|EVAL/);
  });
});

describe('a Redis that answers later than anybody waits', () => {
  it('counts as away, and its late answers neither close the circuit nor are taken for answers', async () => {
    let release = () => {};
    let held = Promise.resolve();
    const inner = redisStore({ url: redis.url });
    const slow: Store = {
      ...inner,
      async execute(commands) {
        const replies = await inner.execute(commands);
        await held;
        return replies;
      },
    };
    const app = start(slow);
    const key = await app.newKey();
    expect(await app.knock(key)).toBe('200');
    held = new Promise((resolve) => {
      release = resolve;
    });
    await eventually(async () => {
      expect(await app.knocks(10, () => key)).toEqual(new Set([KNOWN]));
      return app.circuit === 'OPEN';
    });
    const { totals } = app.kv.circuit.state();
    held = Promise.resolve();
    release();
    await inner.execute([['PING']]);
    expect(app.kv.circuit.state().totals).toMatchObject({ successes: totals.successes, opened: totals.opened });
    await heals(app, key);
  });
});

describe('a Redis that comes back empty', () => {
  it('keeps known keys in and refuses none as invalid, until it holds keys again', async () => {
    const app = start();
    const key = await app.newKey();
    expect(await app.knock(key)).toBe('200');

    await redis.restart();
    await eventually(async () => {
      expect(await app.knock(key)).toBe(KNOWN);
      return app.lines.some((line) => line.includes('the store holds no keys at all'));
    });
    const stranger = await app.knock(app.keys.format.generate());
    expect(stranger).toMatch(/^503 key-store-unavailable, keys/);
    expect((await start().keys.validate(key)).status).toBe('UNAVAILABLE');
    expect(app.circuit).toBe('CLOSED');
  });
});

describe('a token that the endpoint refuses', () => {
  it('is no outage and nobody’s 401, and one line however many requests it fails', async () => {
    const key = await start().newKey();
    const app = start(upstashStore({ url: endpoint.url, token: 'wrong' }));
    for (let round = 0; round < 10; round += 1) expect(await app.knocks(10, () => key)).toEqual(new Set([UNKNOWN]));
    expect((await app.keys.validate(key)).status).toBe('UNAVAILABLE');
    expect(app.kv.circuit.state()).toMatchObject({ state: 'CLOSED', consecutiveFailures: 0 });
    expect(app.lines.toSorted()).toEqual([
      '[KV] Failed to authenticate or authorise: The endpoint refused the token with status 401',
      '[Rate Limit] KV unavailable for key [redacted], counting in this process (STORE)',
    ]);
  });
});

describe('a Redis whose scripts are flushed under load', () => {
  it('answers every request, and none is counted twice', async () => {
    // Generous: the question here is what is answered, not how fast.
    const app = start(undefined, 5_000);
    const key = await app.newKey(10_000);
    for (let round = 0; round < 10; round += 1) {
      const answers = app.knocks(40, () => key);
      await tell(['SCRIPT', 'FLUSH']);
      expect(await answers).toEqual(new Set(['200']));
    }
    const { digest } = await app.keys.digest(key);
    const left = await app.limiter.peek({ key: digest }, { quotas: { key: { limit: 10_000, windowMs: HOUR_MS } } });
    // One permit comes back in 360 ms.
    expect(left.remaining).toBeGreaterThanOrEqual(9_600);
    expect(left.remaining).toBeLessThan(9_700);
    expect(app.lines).toEqual([]);
  });
});

describe.each<[string, Command, Command]>([
  ['has no memory left', ['CONFIG', 'SET', 'maxmemory', 1], ['CONFIG', 'SET', 'maxmemory', 0]],
  [
    'has lost its replicas and must not write without',
    ['CONFIG', 'SET', 'min-replicas-to-write', 1],
    ['CONFIG', 'SET', 'min-replicas-to-write', 0],
  ],
  ['has become a replica', ['REPLICAOF', '127.0.0.1', 1], ['REPLICAOF', 'NO', 'ONE']],
])('a Redis that %s', (_, fail, mend) => {
  afterEach(() => tell(mend));

  it('counts as away while it refuses to write, and heals by itself', async () => {
    const app = start();
    const key = await app.newKey();
    expect(await app.knock(key)).toBe('200');
    await tell(fail);
    await eventually(async () => {
      expect(await app.knock(key)).toBe(KNOWN);
      return app.circuit === 'OPEN';
    });
    expect(await app.knock(app.keys.format.generate())).toMatch(/^503 key-store-unavailable/);
    await tell(mend);
    await heals(app, key);
  });
});

describe('a flood', () => {
  it('of unknown keys and of addresses is held in bounds, and pushes no valid key out', async () => {
    const app = start(undefined, 5_000);
    const key = await app.newKey();
    expect(await app.knock(key)).toBe('200');
    const said = new Set<string>();
    for (let round = 0; round < 50; round += 1) {
      for (const answer of await app.knocks(200, app.keys.format.generate)) said.add(answer);
    }
    expect(said).toEqual(new Set(['401 api-key-invalid', '429 too-many-unknown-keys']));
    expect(await app.knock(key)).toBe('200');
    // The record, its id, the index, the sentinel, the entry, its uses, two accounts, and the misses of one address:
    // nothing for keys that do not exist.
    expect(await app.kv.command(['DBSIZE'])).toBeLessThanOrEqual(9);
    expect(app.keys.stats().size).toBe(1);

    app.store.takeAway();
    for (let failure = 0; failure < 5; failure += 1) await app.knock(key);
    const addresses = Array.from({ length: 10_000 }, (_, index) => `10.0.${index >> 8}.${index & 255}`);
    const answers = new Set(await Promise.all(addresses.map((address) => app.knock(key, address))));
    expect(answers).toEqual(new Set([KNOWN]));
    app.store.giveBack();
    await heals(app, key);
  });
});
