import { createKv } from '../../lib/client/kv-client.ts';
import type { BreakwaterEvent } from '../../lib/events.ts';
import type { AccessListOptions } from '../../lib/guard/access-lists.ts';
import { createGuard } from '../../lib/guard/guard.ts';
import { type ApiKeysOptions, createApiKeys } from '../../lib/keys/api-keys.ts';
import { createDigester } from '../../lib/keys/digest.ts';
import { createKeyFormat } from '../../lib/keys/key-format.ts';
import type { NewKey } from '../../lib/keys/new-key.ts';
import { functionKeySource } from '../../lib/keys/source/function-key-source.ts';
import { kvKeyStore } from '../../lib/keys/source/kv-key-store.ts';
import type { ApiKeySource, ApiKeyStore } from '../../lib/keys/source/source.ts';
import { type StaticKey, staticKeySource } from '../../lib/keys/source/static-key-source.ts';
import { createLimiter } from '../../lib/limit/limiter.ts';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';
import type { Store } from '../../lib/store/store.ts';
import { type ManualClock, manualClock } from '../../lib/testing/manual-clock.ts';
import { type Plant, SOUND } from './planted-defects.ts';
import { type WatchedSource, watchedSource } from './watched-source.ts';
import { type WatchedStore, watchedStore } from './watched-store.ts';

/** Where keys are on record: the Redis itself, another one, a database, a function, or a list. */
export type SourceKind = 'kv' | 'other-kv' | 'sql' | 'function' | 'static';

export const PEPPER = { kid: 'k1', secret: 'a-secret-of-the-tests' };

/** A Redis, a place where keys are on record, and processes that use them. Time stands still. */
export interface KeyWorld {
  readonly clock: ManualClock;
  readonly redis: WatchedStore;
  /** `undefined` where keys are on record in the Redis itself. */
  readonly source: WatchedSource | undefined;
  /** Puts a key on record, of which nothing is cached anywhere. */
  issue(key?: Partial<NewKey<unknown>>): Promise<string>;
  /** A key that nobody has issued. */
  unknown(): string;
  start(options?: Partial<ApiKeysOptions<unknown>>, lists?: AccessListOptions): Process;
  /** A process whose Redis is another one. */
  startOn(redis: Store, options?: Partial<ApiKeysOptions<unknown>>): Process;
  /** Who could say is gone: the Redis, the source, or both. */
  takeAway(what: 'redis' | 'source' | 'both'): void;
  giveBack(): void;
}

export type Process = ReturnType<typeof startProcess>;

export interface KeyWorldOptions {
  /** A store in a database, empty; with `sql`. */
  readonly database?: ApiKeyStore<unknown> | undefined;
  readonly plant?: Plant | undefined;
}

export function keyWorld(kind: SourceKind, { database, plant = SOUND }: KeyWorldOptions = {}): KeyWorld {
  const clock = manualClock();
  const memory = memoryStore({ clock });
  const redis = watchedStore(plant.store?.(memory) ?? memory);
  const backing = database ?? kvKeyStore<unknown>({ kv: createKv({ store: memoryStore({ clock }), clock }) });
  const list = keyList();
  const source = kind === 'kv' ? undefined : watchedSource(kind === 'static' ? list : asIs(kind, backing));
  const office = createApiKeys({
    kv: createKv({ store: kind === 'kv' ? redis : memoryStore({ clock }), clock }),
    source: kind === 'kv' ? undefined : backing,
    pepper: PEPPER,
  });
  return {
    clock,
    redis,
    source,
    async issue(key = {}) {
      if (kind === 'static') return list.issue({ owner: 'acme', ...key });
      const issued = await office.create({ owner: 'acme', ...key });
      await office.forget(issued.key);
      return issued.key;
    },
    unknown: () => office.format.generate(),
    start: (options, lists) => startProcess({ clock, redis, source: source?.source }, options, lists),
    startOn: (other, options) => startProcess({ clock, redis: other, source: source?.source }, options),
    takeAway(what) {
      if (what !== 'source') redis.takeAway();
      if (what !== 'redis') source?.takeAway();
    },
    giveBack() {
      redis.giveBack();
      source?.giveBack();
    },
  };
}

/** `backing`, or only a function that finds keys in it. */
function asIs(kind: SourceKind, backing: ApiKeyStore<unknown>): ApiKeySource<unknown> {
  return kind === 'function' ? functionKeySource((digest, options) => backing.findByDigest(digest, options)) : backing;
}

/** Keys of a deployment: each one that is issued is in the next. */
function keyList() {
  const keys: StaticKey[] = [];
  const format = createKeyFormat('bw', 'live');
  const toDigest = createDigester(PEPPER);
  return {
    findByDigest: (...asked: Parameters<ApiKeySource['findByDigest']>) => staticKeySource(keys).findByDigest(...asked),
    async issue(key: NewKey<unknown>): Promise<string> {
      const text = format.generate();
      const { kid, digest } = await toDigest(text);
      keys.push({ id: `key_${keys.length}`, digest: `${kid}:${digest}`, ...key });
      return text;
    },
  };
}

interface Surroundings {
  readonly clock: ManualClock;
  readonly redis: Store;
  readonly source: ApiKeySource<unknown> | undefined;
}

function startProcess(
  { clock, redis, source }: Surroundings,
  options: Partial<ApiKeysOptions<unknown>> = {},
  lists: AccessListOptions = {},
) {
  const events: BreakwaterEvent[] = [];
  const kv = createKv({ store: redis, clock, onEvent: (event) => events.push(event) });
  const keys = createApiKeys({ kv, source, pepper: PEPPER, ...options });
  const limiter = createLimiter({
    kv,
    policies: [
      { name: 'ip', limit: 1_000, windowMs: 60_000 },
      { name: 'key', limit: 5, windowMs: 60_000 },
    ],
  });
  const guard = createGuard({
    ...{ kv, keys, limiter, routes: [{ path: '/limited', limits: { ip: 'ip', key: 'key' } }, { path: '/*' }] },
    clientIp: (headers) => headers.get('x-real-ip') ?? undefined,
    lists,
  });
  return {
    kv,
    keys,
    events,
    /** What the guard decides about a request with `key`. */
    check: (key: string, address = '192.0.2.1', path = '/limited') =>
      guard.check(new Request(`https://app.test${path}`, { headers: { 'x-api-key': key, 'x-real-ip': address } })),
  };
}
