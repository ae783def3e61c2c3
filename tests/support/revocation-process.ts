import { setTimeout as delay } from 'node:timers/promises';
import { createKv } from '../../lib/client/kv-client.ts';
import { createGuard } from '../../lib/guard/guard.ts';
import { createApiKeys } from '../../lib/keys/api-keys.ts';
import { kvKeyStore } from '../../lib/keys/source/kv-key-store.ts';
import type { ApiKeyStore } from '../../lib/keys/source/source.ts';
import { createLimiter } from '../../lib/limit/limiter.ts';
import { redisStore } from '../../lib/store/redis.ts';
import type { Store } from '../../lib/store/store.ts';
import { type LateAnswers, lateAnswers } from './late-answers.ts';
import { answerCalls } from './process-calls.ts';
import { defectiveClock, type RevocationDefect, withDefectiveScripts } from './revocation-defects.ts';
import { FACES, type Face, type Revoked, SELDOM, type Sighting } from './revocation-faces.ts';

export interface ProcessSetup {
  readonly redisUrl: string;
  /** Of the Redis with the records. @default they are in the Redis itself */
  readonly sourceUrl?: string | undefined;
  readonly entryTtlMs: number;
  readonly freshMs: number;
  readonly staleIfErrorMs?: number | undefined;
  /** Answers of the store of record come up to so much after they were found. */
  readonly delayMs: number;
  /** How long a request and a look may take. @default long enough for every busy machine */
  readonly timeoutMs?: number | undefined;
  readonly defect?: RevocationDefect | undefined;
}

export type RevocationProcess = ReturnType<typeof revocationProcess>;

const PEPPER = { kid: 'k1', secret: 'a-secret-of-the-race' };

const now = (): number => Number(process.hrtime.bigint()) / 1e6;

/** What a Redis answers, late; a request counts for as many lookups as it has scripts. */
const answeringLate = (store: Store, late: LateAnswers): Store => ({
  kind: store.kind,
  execute: (commands, options) =>
    late.pass(store.execute(commands, options), commands.filter(([name]) => String(name).startsWith('EVAL')).length),
  close: () => store.close(),
});

function open(setup: ProcessSetup) {
  const { redisUrl, sourceUrl, entryTtlMs, freshMs, staleIfErrorMs, delayMs, timeoutMs = 20_000, defect } = setup;
  const committedAt = new Map<string, number>();
  const late = lateAnswers(delayMs);
  const lateHere = sourceUrl === undefined ? late : lateAnswers(0);
  const redis = redisStore({ url: redisUrl });
  const clock = defectiveClock(defect);
  // Answers that are held keep nobody else from asking.
  const kvOn = (store: Store) => createKv({ store, clock, requestTimeoutMs: timeoutMs, batch: { maxInFlight: 1_000 } });
  const kv = kvOn(answeringLate(withDefectiveScripts(redis, defect), lateHere));
  const sourceKv = sourceUrl === undefined ? undefined : kvOn(redisStore({ url: sourceUrl }));
  const store = sourceKv && kvKeyStore<unknown>({ kv: sourceKv });
  const source: ApiKeyStore<unknown> | undefined = store && {
    ...store,
    findByDigest: (digest, options) => late.pass(store.findByDigest(digest, options)),
    async replace(next, previous) {
      const isMade = await store.replace(next, previous);
      committedAt.set(next.id, now());
      return isMade;
    },
  };
  const sourceSettings = { timeoutMs, maxConcurrent: 10_000 };
  const settings = { entryTtlMs, freshMs, staleIfErrorMs, budgetMs: timeoutMs };
  const openKeys = () => createApiKeys({ kv, source, sourceSettings, pepper: PEPPER, ...settings });
  const keys = openKeys();
  const guardOf = (policy: { readonly maxOverAdmission?: number }, path: string) => {
    const policies = [{ name: 'key', limit: 1_000_000, windowMs: 60_000, ...policy }];
    const routes = [{ path, limits: { key: 'key' } as const }, { path: '/*' }];
    const limiter = createLimiter({ kv, policies });
    const guard = createGuard({ kv, keys, limiter, routes, clientIp: () => undefined, budgetMs: timeoutMs });
    return async (key: string, asked: string) => {
      const request = new Request(`https://app.test${asked}`, { headers: { 'x-api-key': key } });
      return (await guard.check(request)).outcome === 'allow';
    };
  };
  const plain = guardOf({}, '/limited');
  const leased = guardOf({ maxOverAdmission: 0.05 }, '/leased');
  const faces: Readonly<Record<Face, (key: string) => Promise<boolean>>> = {
    validate: async (key) => (await keys.validate(key)).status === 'VALID',
    open: (key) => plain(key, '/'),
    limited: (key) => plain(key, '/limited'),
    leased: (key) => leased(key, '/leased'),
  };
  return {
    faces,
    late,
    committedAt,
    office: defect === 'revokes-elsewhere' ? openKeys() : keys,
    slowestMs: () => Math.max(late.slowestMs, lateHere.slowestMs),
    close: () => Promise.all([kv.close(), sourceKv?.close()]),
  };
}

/** One process that validates keys, and can issue and revoke them. It does what it is told by messages. */
function revocationProcess() {
  let world: ReturnType<typeof open> | undefined;
  let watched: readonly string[] = [];
  let isWatching = false;
  let sightings: Sighting[] = [];
  let working: Promise<unknown>[] = [];

  const opened = () => {
    if (!world) throw new Error('Not open');
    return world;
  };

  const sight = async (key: number, face: Face): Promise<void> => {
    const text = watched[key] ?? '';
    const begunAt = now();
    const isValid = await opened().faces[face](text);
    sightings.push({ key, face, begunAt, endedAt: now(), isValid });
  };

  /** Who asks Redis tells the others of this process: every second key is left to those who ask as seldom as they can. */
  const any = (key: number): Face => {
    const faces = key % 2 === 0 ? FACES : SELDOM;
    return faces[Math.floor(Math.random() * faces.length)] ?? 'validate';
  };

  const watchKey = async (key: number, pauseMs: number): Promise<void> => {
    while (isWatching) {
      // Any pause may be very short or several times as long.
      await delay(-Math.log(1 - Math.random()) * pauseMs);
      await sight(key, any(key));
    }
  };

  return {
    now,
    async open(setup: ProcessSetup): Promise<void> {
      await world?.close();
      world = open(setup);
    },
    /** Connects, and makes the scripts known. */
    async warm(key: string): Promise<void> {
      for (const face of FACES) await opened().faces[face](key);
    },
    /** Issues keys; `isCached` when Redis and this process are to know them already. */
    issue(count: number, isCached: boolean): Promise<readonly { readonly id: string; readonly key: string }[]> {
      const { office } = opened();
      const issue = async () => {
        const { key, record } = await office.create({ owner: 'acme' });
        if (!isCached) await office.forget(key);
        return { id: record.id, key };
      };
      return Promise.all(Array.from({ length: count }, issue));
    },
    /** Begins to validate these keys at random moments, each once in about `pauseMs`. */
    watch(keys: readonly string[], pauseMs: number): void {
      [watched, sightings, isWatching] = [keys, [], true];
      working = keys.map((_, key) => watchKey(key, pauseMs));
    },
    /** Begins one validation of each key. */
    ask(keys: readonly string[]): void {
      [watched, sightings, isWatching] = [keys, [], false];
      working = keys.map((_, key) => sight(key, any(key)));
    },
    /** Ends, with one last validation of each key on each face, and tells what was seen. */
    async watchedSo(): Promise<readonly Sighting[]> {
      isWatching = false;
      await Promise.all(working);
      await Promise.all(watched.flatMap((_, key) => FACES.map((face) => sight(key, face))));
      return sightings;
    },
    /** What came of {@link ask}. */
    async answers(): Promise<readonly Sighting[]> {
      await Promise.all(working);
      return sightings;
    },
    /** Revokes each at a random moment within `withinMs`, and validates it at once. */
    revoke(ids: readonly string[], withinMs: number): Promise<readonly Revoked[]> {
      const revoke = async (id: string, key: number): Promise<Revoked> => {
        await delay(Math.random() * withinMs);
        const begunAt = now();
        const { propagated } = await opened().office.revoke(id);
        const returnedAt = now();
        working.push(...FACES.map((face) => sight(key, face)));
        return { begunAt, committedAt: opened().committedAt.get(id) ?? returnedAt, returnedAt, propagated };
      };
      return Promise.all(ids.map(revoke));
    },
    hold: () => opened().late.hold(),
    holdNoMore: () => opened().late.holdNoMore(),
    release: () => opened().late.release(),
    waiting: () => opened().late.waiting,
    slowestMs: () => opened().slowestMs(),
  };
}

answerCalls(revocationProcess());
