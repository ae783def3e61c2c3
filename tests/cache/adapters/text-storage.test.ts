import { describe, expect, it } from 'vitest';
import { requireName, textStorage } from '../../../lib/cache/adapters/text-storage.ts';
import { createKv } from '../../../lib/client/kv-client.ts';
import { memoryStore } from '../../../lib/store/memory/memory-store.ts';
import { manualClock } from '../../../lib/testing/manual-clock.ts';
import { scriptedStore } from '../../../lib/testing/scripted-store.ts';
import { contentsOf, onEveryStore } from '../../support/every-store.ts';
import { watchedStore } from '../../support/watched-store.ts';

const HOSTILE = [
  '',
  '*',
  'a*',
  'a?c',
  '[ab]',
  '[^a]c',
  'a\\*',
  '\\',
  '{other}',
  '}',
  '}:{',
  ':',
  '..:..',
  'line\nbreak\r\n',
  'nul\0',
  ' ',
  '"quoted"',
  'ünïcödé 😀',
  '__proto__',
  'sha256-x',
  'x'.repeat(1_024),
];

onEveryStore('texts under keys', (current) => {
  const storageIn = (namespace = '', name = 'texts') =>
    textStorage(createKv({ store: current(), namespace }), 'test', name);

  const keysOf = async (storage: ReturnType<typeof textStorage>, within = '') => {
    const keys: string[] = [];
    for await (const page of storage.pages(within)) keys.push(...page);
    return keys.sort();
  };

  it('are kept, told apart, listed and deleted under any key', async () => {
    const storage = storageIn();
    for (const key of HOSTILE) await storage.set(key, `of ${key}`);
    expect(await storage.getMany(HOSTILE)).toEqual(HOSTILE.map((key) => `of ${key}`));
    expect(await storage.has([...HOSTILE, 'none'])).toEqual([...HOSTILE.map(() => true), false]);
    expect(await keysOf(storage)).toEqual([...HOSTILE].sort());
    for (const [index, key] of HOSTILE.entries()) {
      expect(await storage.pull(key)).toBe(`of ${key}`);
      expect(await storage.get(key)).toBeUndefined();
      expect(await keysOf(storage)).toHaveLength(HOSTILE.length - index - 1);
    }
  });

  it('stay below their prefix, with one hash tag', async () => {
    const storage = storageIn('app:', 'a{b}:*');
    for (const key of HOSTILE) await storage.set(key, '1');
    const names = [...(await contentsOf(current())).keys()];
    expect(names.sort()).toEqual(HOSTILE.map((key) => `app:cache:{test:a%7Bb%7D%3A%2A}:${key}`).sort());
  });

  it('are cleared by what their keys begin with, taken literally, and nothing else is', async () => {
    const storage = storageIn();
    await current().execute([['SET', 'cache:{test:texts}', 'not ours']]);
    await storageIn('', 'texts2').set('a*:1', '1');
    await storageIn('app:').set('a*:1', '1');
    for (const key of ['a*:1', 'a*:2', 'ab:1', 'a', 'b']) await storage.set(key, '1');
    await storage.clear('a*:');
    expect(await keysOf(storage)).toEqual(['a', 'ab:1', 'b']);
    await storage.clear('');
    expect([...(await contentsOf(current())).keys()].sort()).toEqual([
      'app:cache:{test:texts}:a*:1',
      'cache:{test:texts2}:a*:1',
      'cache:{test:texts}',
    ]);
    await storage.clear('');
  });

  it('are listed and cleared among thousands of others', async () => {
    const storage = storageIn();
    const others = Array.from({ length: 2_500 }, (_, index) => `other:${index}`);
    await current().execute([['MSET', ...others.flatMap((name) => [name, '1'])]]);
    const keys = Array.from({ length: 2_500 }, (_, index) => `key:${index}`);
    await storage.setMany(keys.map((key) => ({ key, text: key, ttlMs: undefined })));
    expect(new Set(await keysOf(storage))).toEqual(new Set(keys));
    expect(await storage.getMany(keys)).toEqual(keys);
    expect(await storage.delete(keys.slice(0, 300))).toBe(300);
    await storage.clear('');
    expect(await keysOf(storage)).toEqual([]);
    expect(await current().execute([['DBSIZE']])).toEqual([2_500]);
  });

  it.each([
    ['a megabyte', 'ü'.repeat(524_288)],
    ['nothing', ''],
    ['NUL and line breaks', '\0\r\n\0'],
    ['what looks like a reply', '$-1\r\n'],
  ])('may be %s', async (_what, text) => {
    const storage = storageIn();
    await storage.set('key', text);
    expect((await storage.get('key')) === text).toBe(true);
    expect((await storage.getMany(['key']))[0] === text).toBe(true);
  });

  it('are UTF-8: a lone surrogate comes back as U+FFFD', async () => {
    const storage = storageIn();
    await storage.set('key', 'a\ud800b');
    expect(await storage.get('key')).toBe('a\ufffdb');
  });

  it('live as long as they were given, or for good', async () => {
    const storage = storageIn();
    await storage.set('life', '1', 60_000.5);
    for (const [key, ttlMs] of [
      ['none', undefined],
      ['zero', 0],
      ['endless', Number.POSITIVE_INFINITY],
    ] as const) {
      await storage.set(key, '1', 60_000);
      await storage.set(key, '1', ttlMs);
      expect(await storage.lifeLeft(key), key).toBeNull();
    }
    // Redis refuses a life of 0.
    await storage.set('shortest', '1', 0.5);
    await storage.set('longest', '1', Number.MAX_SAFE_INTEGER);
    expect(await storage.lifeLeft('longest')).toBeGreaterThan(9e15);
    expect(await storage.lifeLeft('life')).toBeGreaterThan(50_000);
    expect(await storage.lifeLeft('life')).toBeLessThanOrEqual(60_001);
    expect(await storage.lifeLeft('nowhere')).toBeUndefined();
    for (const ttlMs of [-1, Number.NaN]) await expect(storage.set('key', '1', ttlMs)).rejects.toThrow('ttl must be');
  });

  it('are refused by name where something else stands, and replace it', async () => {
    const storage = storageIn();
    await current().execute([['HSET', 'cache:{test:texts}:key', 'field', '1']]);
    await expect(storage.get('key')).rejects.toMatchObject({ code: 'COMMAND', replyCode: 'WRONGTYPE' });
    await expect(storage.pull('key')).rejects.toMatchObject({ code: 'COMMAND', replyCode: 'WRONGTYPE' });
    expect(await storage.getMany(['key'])).toEqual([undefined]);
    expect(await storage.has(['key'])).toEqual([true]);
    await storage.set('key', 'text');
    expect(await storage.get('key')).toBe('text');
  });
});

describe('a key', () => {
  const storage = textStorage(createKv({ store: scriptedStore() }), 'test', 'texts');

  it.each([
    ['1,025 units', 'x'.repeat(1_025)],
    ['a lone high surrogate', 'a\ud800'],
    ['a lone low surrogate', '\udc00a'],
  ])('of %s is refused before anything is sent, and not quoted', async (_what, key) => {
    const refusals = [
      storage.get(key),
      storage.getMany(['a', key]),
      storage.set(key, ''),
      storage.setMany([{ key, text: '', ttlMs: undefined }]),
      storage.delete([key]),
      storage.pull(key),
      storage.has([key]),
      storage.lifeLeft(key),
      storage.pages(key).next(),
      storage.clear(key),
    ];
    for (const refusal of refusals) {
      await expect(refusal).rejects.toMatchObject({
        code: 'CONFIG',
        message: 'key must be well-formed Unicode of at most 1024 UTF-16 units',
      });
    }
  });
});

describe('a name', () => {
  it('has 1 to 128 characters', () => {
    for (const name of ['a', '*'.repeat(128)]) requireName('name', name);
    for (const name of ['', '*'.repeat(129)]) {
      expect(() => requireName('prefix', name)).toThrow('prefix must have 1 to 128 characters');
    }
  });
});

describe('the cost in requests', () => {
  const watched = (): { storage: ReturnType<typeof textStorage>; sent: () => readonly (readonly string[])[] } => {
    const store = watchedStore(memoryStore({ clock: manualClock() }));
    const storage = textStorage(createKv({ store }), 'test', 'texts');
    let seen = 0;
    const sent = () => {
      const requests = store.requests.slice(seen).map((commands) => commands.map(([name]) => name));
      seen = store.requests.length;
      return requests;
    };
    return { storage, sent };
  };
  const keys = Array.from({ length: 257 }, (_, index) => String(index));

  it('is one for each portion of several keys', async () => {
    const { storage, sent } = watched();
    await storage.setMany(keys.map((key) => ({ key, text: key, ttlMs: 1_000 })));
    expect(sent().map(({ length }) => length)).toEqual([256, 1]);
    await storage.getMany(keys);
    expect(sent()).toEqual([['MGET'], ['MGET']]);
    expect((await storage.has(keys)).every(Boolean)).toBe(true);
    expect(sent().map(({ length }) => length)).toEqual([256, 1]);
    expect(await storage.delete(keys)).toBe(257);
    expect(sent()).toEqual([['UNLINK'], ['UNLINK']]);
  });

  it('is none for no keys', async () => {
    const { storage, sent } = watched();
    expect([await storage.getMany([]), await storage.has([]), await storage.delete([])]).toEqual([[], [], 0]);
    await storage.setMany([]);
    expect(sent()).toEqual([]);
  });

  it('of clearing is one for each thousand keys of the database, and one', async () => {
    const { storage, sent } = watched();
    await storage.clear('');
    expect(sent()).toEqual([['SCAN']]);
    for (let portion = 0; portion < 10; portion += 1) {
      await storage.setMany(keys.map((key) => ({ key: `${portion}:${key}`, text: key, ttlMs: undefined })));
    }
    sent();
    await storage.clear('');
    expect(sent()).toEqual([['SCAN'], ['UNLINK', 'SCAN'], ['UNLINK', 'SCAN'], ['UNLINK']]);
  });
});

describe('a command that Redis refuses', () => {
  it('fails the call, though those beside it have run', async () => {
    const store = scriptedStore();
    const storage = textStorage(createKv({ store }), 'test', 'texts');
    store.respond((commands) => commands.map((_, index) => (index === 0 ? { error: 'ERR no' } : 'OK')));
    const entry = (key: string) => ({ key, text: '', ttlMs: undefined });
    await expect(storage.setMany([entry('a'), entry('b')])).rejects.toMatchObject({ code: 'COMMAND' });
    await expect(storage.has(['a', 'b'])).rejects.toMatchObject({ code: 'COMMAND' });
    await expect(storage.pages('').next()).rejects.toMatchObject({ code: 'COMMAND' });
    await expect(storage.clear('')).rejects.toMatchObject({ code: 'COMMAND' });
    expect(store.sent).toHaveLength(4);
  });
});

describe('with Redis away', () => {
  it('everything rejects, and a clear that is cut short is finished by the next one', async () => {
    const store = watchedStore(memoryStore());
    const storage = textStorage(createKv({ store, breaker: { failureThreshold: 1_000 } }), 'test', 'texts');
    await storage.setMany(
      Array.from({ length: 3_000 }, (_, index) => ({ key: String(index), text: '', ttlMs: undefined })),
    );
    const execute = store.execute;
    store.execute = async (commands, options) => {
      const replies = await execute(commands, options);
      if (commands.some(([name]) => name === 'UNLINK')) store.takeAway();
      return replies;
    };
    await expect(storage.clear('')).rejects.toMatchObject({ code: 'STORE' });
    for (const refused of [
      storage.get('1'),
      storage.getMany(['1']),
      storage.set('1', ''),
      storage.setMany([{ key: '1', text: '', ttlMs: undefined }]),
      storage.delete(['1']),
      storage.pull('1'),
      storage.has(['1']),
      storage.lifeLeft('1'),
      storage.pages('').next(),
    ]) {
      await expect(refused).rejects.toMatchObject({ code: 'STORE' });
    }
    store.execute = execute;
    store.giveBack();
    await storage.clear('');
    expect((await storage.pages('').next()).done).toBe(true);
  });
});
