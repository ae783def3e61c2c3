import { afterEach, describe, expect, it } from 'vitest';
import {
  createRecordCache,
  type RecordCache,
  type RecordCacheOptions,
} from '../../../lib/cache/records/record-cache.ts';
import { createKv } from '../../../lib/client/kv-client.ts';
import { ConfigError, DeadlineError, StoreError } from '../../../lib/errors.ts';
import { memoryStore } from '../../../lib/store/memory/memory-store.ts';
import type { Store } from '../../../lib/store/store.ts';
import { manualClock } from '../../../lib/testing/manual-clock.ts';
import { scriptedStore } from '../../../lib/testing/scripted-store.ts';
import { onEveryStore } from '../../support/every-store.ts';

interface User {
  readonly name: string;
}

const MINUTE_MS = 60_000;
const away = new StoreError('network', 'refused', { mayHaveRun: false });

/** A table of users, and what it was asked. */
function database(names: readonly string[]) {
  const rows = new Map(names.map((name): [string, User] => [name, { name }]));
  const asked: string[] = [];
  const askedFor: (readonly string[])[] = [];
  return {
    rows,
    asked,
    askedFor,
    load: async (id: string) => {
      asked.push(id);
      return rows.get(id);
    },
    loadMany: async (ids: readonly string[]) => {
      askedFor.push(ids);
      return new Map(ids.flatMap((id) => [rows.get(id)].flatMap((row): [string, User][] => (row ? [[id, row]] : []))));
    },
  };
}

type Database = ReturnType<typeof database>;

/** One process. Its clock stands unless moved; requests are counted. */
function processOn(store: Store, { load }: Pick<Database, 'load'>, options: Partial<RecordCacheOptions<User>> = {}) {
  const clock = manualClock();
  let requests = 0;
  const counted: Store = {
    ...store,
    execute(commands, executeOptions) {
      requests += 1;
      return store.execute(commands, executeOptions);
    },
  };
  const kv = createKv({ store: counted, clock });
  const users = createRecordCache<User>({ kv, namespace: 'users', load, jitter: 0, earlyRefresh: 0, ...options });
  return { clock, users, requests: () => requests };
}

const namesOf = (found: ReadonlyMap<string, User>) => [...found].map(([id, { name }]) => `${id}=${name}`).sort();

onEveryStore('records', (current) => {
  const opened: RecordCache<User>[] = [];
  afterEach(async () => {
    for (const users of opened.splice(0)) await users.settled();
  });

  const open = (db: Database, options: Partial<RecordCacheOptions<User>> = {}) => {
    // Questions of several records wait for the end of a turn of the real clock.
    const kv = createKv({ store: current() });
    const users = createRecordCache<User>({ kv, namespace: 'users', load: db.load, ...options });
    opened.push(users);
    return users;
  };

  it('are asked for once, and then come from the cache in every process', async () => {
    const db = database(['ann']);
    const users = open(db);
    expect(await users.get('ann')).toEqual({ name: 'ann' });
    await users.settled();
    expect(await users.get('ann')).toEqual({ name: 'ann' });
    expect(await open(db).get('ann')).toEqual({ name: 'ann' });
    expect(db.asked).toEqual(['ann']);
  });

  it('that do not exist are remembered too, and not told from errors by null', async () => {
    const db = database([]);
    const users = open(db);
    expect([await users.get('bob'), await users.get('bob')]).toEqual([null, null]);
    await users.settled();
    expect(await open(db).get('bob')).toBeNull();
    expect(db.asked).toEqual(['bob']);
  });

  it('of several ids are one question for those that the cache does not have', async () => {
    const db = database(['ann', 'bea', 'cid']);
    const users = open(db, { loadMany: db.loadMany });
    await users.get('bea');
    await users.settled();
    const ids = ['ann', 'bea', 'none', 'cid', 'ann'];
    expect(namesOf(await users.getMany(ids))).toEqual(['ann=ann', 'bea=bea', 'cid=cid']);
    expect(db.askedFor).toEqual([['ann', 'none', 'cid']]);
    await users.settled();
    expect(namesOf(await open(db, { loadMany: db.loadMany }).getMany(ids))).toEqual(['ann=ann', 'bea=bea', 'cid=cid']);
    expect([db.askedFor.length, db.asked]).toEqual([1, ['bea']]);
  });

  it('change in all processes with an update or an invalidation', async () => {
    const db = database(['ann']);
    const [here, there] = [open(db, { l1: false }), open(db, { l1: false })];
    await here.get('ann');
    await here.settled();
    expect(await here.update('ann', { name: 'Ann' })).toBe(true);
    expect(await there.get('ann')).toEqual({ name: 'Ann' });
    db.rows.set('ann', { name: 'Anna' });
    expect(await here.invalidate('ann')).toEqual({ propagated: true });
    expect(await there.get('ann')).toEqual({ name: 'Anna' });
    await there.settled();
    db.rows.set('ann', { name: 'Annabel' });
    expect(await here.clear()).toEqual({ propagated: true });
    expect(await there.get('ann')).toEqual({ name: 'Annabel' });
  });

  it('that were being loaded while they changed are not kept', async () => {
    const db = database(['ann']);
    let release = () => {};
    const slow = new Promise<void>((resolve) => {
      release = resolve;
    });
    const [reader, writer] = [
      open(db, {
        load: async (id) => {
          const row = await db.load(id);
          await slow;
          return row;
        },
      }),
      open(db),
    ];
    const old = reader.get('ann');
    await expect.poll(() => db.asked).toEqual(['ann']);
    db.rows.set('ann', { name: 'Ann' });
    await writer.invalidate('ann');
    release();
    expect(await old).toEqual({ name: 'ann' });
    await reader.settled();
    expect(await writer.get('ann')).toEqual({ name: 'Ann' });
  });
});

describe('a record', () => {
  it('is fresh for 5 minutes, and asked for again then', async () => {
    const db = database(['ann']);
    const { clock, users } = processOn(memoryStore(), db);
    await users.get('ann');
    await users.settled();
    clock.advance(5 * MINUTE_MS - 1);
    await users.get('ann');
    expect(db.asked).toEqual(['ann']);
    clock.advance(1);
    await users.get('ann');
    expect(db.asked).toEqual(['ann', 'ann']);
  });

  it('that does not exist is believed not to for 10 seconds', async () => {
    const db = database([]);
    const { clock, users } = processOn(memoryStore(), db, { l1: false });
    await users.get('ann');
    await users.settled();
    db.rows.set('ann', { name: 'ann' });
    clock.advance(9_999);
    expect(await users.get('ann')).toBeNull();
    clock.advance(1);
    expect(await users.get('ann')).toEqual({ name: 'ann' });
  });

  it('is asked for once by all who ask at once', async () => {
    const db = database(['ann']);
    const { users } = processOn(memoryStore(), db);
    await Promise.all(Array.from({ length: 50 }, () => users.get('ann')));
    expect(db.asked).toEqual(['ann']);
  });

  it.each(['', 'x'.repeat(1_025), 7 as unknown as string])('has no id such as %j', async (id) => {
    const { users, requests } = processOn(memoryStore(), database([]));
    const wrong = [() => users.get(id), () => users.getMany(['a', id]), () => users.update(id, { name: 'x' })];
    for (const call of [...wrong, () => users.invalidate(id)]) {
      await expect((async () => call())()).rejects.toThrow('id must have 1 to 1024 characters');
    }
    expect(requests()).toBe(0);
  });

  it('rejects with what the database says, and the next one asks again', async () => {
    const db = database(['ann']);
    const failures = [new Error('the database is away')];
    const load = async (id: string) => {
      const failure = failures.shift();
      if (failure) throw failure;
      return db.load(id);
    };
    const { users } = processOn(memoryStore(), { load });
    await expect(users.get('ann')).rejects.toThrow('the database is away');
    expect(await users.get('ann')).toEqual({ name: 'ann' });
  });
});

describe('records, with Redis away', () => {
  const outage = () => {
    const store = scriptedStore();
    store.respond(() => away);
    return store;
  };

  it('come from the database, and then from this process', async () => {
    const db = database(['ann']);
    const { users } = processOn(outage(), db);
    expect([await users.get('ann'), await users.get('ann')]).toEqual([{ name: 'ann' }, { name: 'ann' }]);
    expect(await users.get('bob')).toBeNull();
    expect(db.asked).toEqual(['ann', 'bob']);
  });

  it('are never more than maxConcurrentLoads questions at once: the others wait, and are refused at their deadline', async () => {
    const asked: string[] = [];
    const load = (id: string) => {
      asked.push(id);
      return new Promise<User>(() => {});
    };
    const { clock, users } = processOn(outage(), { load }, { maxConcurrentLoads: 2, loadTimeoutMs: 1_000 });
    const outcomes = Promise.allSettled(['a', 'b', 'c'].map((id) => users.get(id)));
    await clock.run(999);
    expect(asked).toEqual(['a', 'b']);
    await clock.run(2_000);
    const errors = (await outcomes).map((outcome) => outcome.status === 'rejected' && outcome.reason);
    expect(errors.slice(0, 2)).toEqual([expect.any(DeadlineError), expect.any(DeadlineError)]);
    expect(errors[2]).toMatchObject({ code: expect.stringMatching(/STORE|DEADLINE/) });
  });

  it('outlive the database too, for as long as staleIfErrorMs', async () => {
    const db = database(['ann']);
    let isDown = false;
    const load = async (id: string) => {
      if (isDown) throw new Error('the database is away');
      return db.load(id);
    };
    const { clock, users } = processOn(outage(), { load }, { staleIfErrorMs: 60 * MINUTE_MS });
    await users.get('ann');
    await users.settled();
    isDown = true;
    clock.advance(65 * MINUTE_MS - 1);
    expect(await users.get('ann')).toEqual({ name: 'ann' });
    clock.advance(1);
    await expect(users.get('ann')).rejects.toThrow('the database is away');
  });

  it('change here at once, and elsewhere when Redis is back', async () => {
    const db = database(['ann']);
    const store = memoryStore();
    let isAway = false;
    const flaky: Store = {
      ...store,
      execute: async (commands, options) => {
        if (isAway) throw away;
        return store.execute(commands, options);
      },
    };
    const [here, there] = [processOn(flaky, db), processOn(store, db, { l1: false })];
    await here.users.get('ann');
    await here.users.settled();
    isAway = true;
    db.rows.set('ann', { name: 'Ann' });
    expect(await here.users.invalidate('ann')).toEqual({ propagated: false });
    expect(await here.users.get('ann')).toEqual({ name: 'Ann' });
    expect(await there.users.get('ann')).toEqual({ name: 'ann' });
    isAway = false;
    here.clock.advance(MINUTE_MS);
    await here.users.get('bob');
    await here.users.settled();
    expect(await there.users.get('ann')).toEqual({ name: 'Ann' });
  });
});

describe('several records', () => {
  it('take one request, and one question at the end of the turn', async () => {
    const db = database(['a', 'b']);
    const requestsBefore: number[] = [];
    const { clock, users, requests } = processOn(memoryStore(), db, {
      loadMany: (ids) => {
        requestsBefore.push(requests());
        return db.loadMany(ids);
      },
    });
    const found = users.getMany(['a', 'b', 'c']);
    await clock.run(0);
    expect(namesOf(await found)).toEqual(['a=a', 'b=b']);
    // One to read, and one for the stamp of a cache that has none yet.
    expect([requestsBefore, db.askedFor]).toEqual([[2], [['a', 'b', 'c']]]);
    await users.settled();
    expect(clock.pending()).toBe(0);
  });

  it('that are named twice are asked for once, also where callers share nothing', async () => {
    const db = database(['a']);
    const kv = createKv({ store: memoryStore(), clock: manualClock(), coalesce: 'request' });
    const users = createRecordCache<User>({ kv, namespace: 'users', load: db.load });
    expect(namesOf(await users.getMany(['a', 'a']))).toEqual(['a=a']);
    expect(db.asked).toEqual(['a']);
  });

  it('are at most 1,000', async () => {
    const { users } = processOn(memoryStore(), database([]));
    await expect(users.getMany(Array.from({ length: 1_001 }, (_, id) => String(id)))).rejects.toThrow(ConfigError);
    expect((await users.getMany(Array.from({ length: 1_001 }, () => 'same').slice(1))).size).toBe(0);
  });

  it('are asked for one by one where the database has no question for several', async () => {
    const db = database(['a', 'b']);
    const { users } = processOn(memoryStore(), db);
    expect(namesOf(await users.getMany(['a', 'b']))).toEqual(['a=a', 'b=b']);
    expect(db.asked).toEqual(['a', 'b']);
  });

  it('fail together where their question fails', async () => {
    const { clock, users } = processOn(memoryStore(), database([]), {
      loadMany: async () => {
        throw new Error('the database is away');
      },
    });
    const found = users.getMany(['a', 'b']);
    found.catch(() => undefined);
    await clock.run(0);
    await expect(found).rejects.toThrow('the database is away');
  });

  it('are more questions where there are more than maxConcurrentLoads', async () => {
    const db = database(['a', 'b', 'c']);
    const { clock, users } = processOn(memoryStore(), db, { loadMany: db.loadMany, maxConcurrentLoads: 2 });
    const found = users.getMany(['a', 'b', 'c']);
    await clock.run(0);
    await clock.run(0);
    expect((await found).size).toBe(3);
    expect(db.askedFor).toEqual([['a', 'b'], ['c']]);
  });

  it('have their question aborted when the last of them has run out of time', async () => {
    const signals: AbortSignal[] = [];
    const { clock, users } = processOn(memoryStore(), database([]), {
      loadTimeoutMs: 1_000,
      loadMany: (_, { signal }) => {
        signals.push(signal);
        return new Promise(() => {});
      },
    });
    const found = users.getMany(['a', 'b']);
    found.catch(() => undefined);
    await clock.run(999);
    expect(signals.map(({ aborted }) => aborted)).toEqual([false]);
    await clock.run(1);
    await expect(found).rejects.toThrow(DeadlineError);
    expect(signals[0]?.aborted).toBe(true);
  });
});
