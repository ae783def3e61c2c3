import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { dispatch } from '../../cli/dispatch.ts';
import { startRestEndpoint } from '../../cli/rest/endpoint.ts';
import { createKv, type KvClient } from '../../lib/client/kv-client.ts';
import { type ApiKeys, createApiKeys } from '../../lib/keys/api-keys.ts';
import { createKeyFormat } from '../../lib/keys/key-format.ts';
import type { Store } from '../../lib/store/store.ts';
import { contentsOf, realRedis } from '../support/every-store.ts';
import { freePort } from '../support/redis-server.ts';

const PEPPER = 'k1:pepper-of-the-command-line';
const NO_ID = 'key_0000000000000000';
const DAY_MS = 86_400_000;
/** Of the right form; on record nowhere. */
const STRAY = createKeyFormat('bw', 'live').generate();

interface Issued {
  readonly key: string;
  readonly id: string;
  readonly createdAt: number;
}

/** The ids in the order of a list. */
const inOrder = (issued: readonly Issued[]): readonly string[] =>
  issued.toSorted((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1)).map(({ id }) => id);

type Env = Readonly<Record<string, string>>;

interface Outcome {
  readonly status: number;
  readonly printed: readonly string[];
  readonly complaints: readonly string[];
}

interface Run {
  readonly env: Env;
  readonly input?: string;
  readonly stop?: AbortSignal;
}

/** Runs `breakwater keys …`. What it says about a key never holds one, and never a stack. */
async function run(
  args: readonly string[],
  { env, input, stop = new AbortController().signal }: Run,
): Promise<Outcome> {
  const printed: string[] = [];
  const complaints: string[] = [];
  const status = await dispatch(['keys', ...args], {
    print: (line) => printed.push(line),
    complain: (line) => complaints.push(line),
    readLine: async () => {
      if (input === undefined) throw new Error('standard input is read');
      return input;
    },
    env,
    stop,
  });
  expect(complaints.join('\n')).not.toMatch(/_[0-9A-Za-z]{20,}|^\s+at |pepper-of/m);
  for (const line of complaints) expect(line).not.toContain('\n');
  return { status, printed, complaints };
}

describe('breakwater keys, on a real Redis', () => {
  const redis = realRedis();
  const opened: KvClient[] = [];
  afterEach(async () => {
    for (const kv of opened.splice(0)) await kv.close();
  });

  const environment = (more: Env = {}): Env => ({ REDIS_URL: redis.url, BREAKWATER_KEY_PEPPER: PEPPER, ...more });
  const keys = (...args: string[]): Promise<Outcome> => run(args, { env: environment() });

  /** An application on the same Redis, which knows nothing yet. */
  const application = (): ApiKeys => {
    const kv = createKv({ store: redis.store });
    return createApiKeys({ kv, pepper: { kid: 'k1', secret: 'pepper-of-the-command-line' } });
  };

  async function issue(...args: string[]): Promise<Issued> {
    const { status, printed } = await keys('create', '--owner', 'acme', '--init', '--json', ...args);
    expect(status).toBe(0);
    const { key, record } = JSON.parse(printed.join('\n'));
    return { key, id: record.id, createdAt: record.createdAt };
  }

  describe('create', () => {
    it('prints a key that the application takes, alone, and the rest where it is in no way', async () => {
      const { status, printed, complaints } = await keys('create', '--owner', 'acme', '--init');
      expect([status, printed.length, complaints.length]).toEqual([0, 1, 1]);
      const validation = await application().validate(printed[0] ?? '');
      expect(validation).toMatchObject({
        status: 'VALID',
        key: { owner: 'acme', scopes: [], limits: {}, config: null },
      });
      expect(complaints[0]).toMatch(/^key_[0-9A-Za-z]{16}, of acme\. /);
    });

    it('hands all that it is given on to the key', async () => {
      const before = Date.now();
      const { printed } = await keys(
        ...['create', '--owner', 'acme', '--scope', 'read', '--scope=write', '--init', '--json'],
        ...['--limit', 'key=100/60000', '--limit', 'ip=5/1000', '--config', '{"plan":"gold"}', '--expires-in', '30d'],
        ...['--daily-quota', '500'],
      );
      const { key, record } = JSON.parse(printed.join('\n'));
      expect(record).toMatchObject({
        owner: 'acme',
        scopes: ['read', 'write'],
        limits: { key: { limit: 100, windowMs: 60_000 }, ip: { limit: 5, windowMs: 1_000 } },
        config: { plan: 'gold' },
        dailyQuota: 500,
      });
      expect(record.expiresAt).toBeGreaterThanOrEqual(before + 30 * DAY_MS);
      expect(record.expiresAt).toBeLessThanOrEqual(Date.now() + 30 * DAY_MS);
      expect(await application().validate(key)).toMatchObject({ status: 'VALID', key: record });
    });

    it('with --quiet prints the key and says nothing', async () => {
      const { status, printed, complaints } = await keys('create', '--owner', 'acme', '--init', '--quiet');
      expect([status, printed.length, complaints]).toEqual([0, 1, []]);
    });

    it('with --json prints one document and says nothing', async () => {
      const { printed, complaints } = await keys('create', '--owner', 'acme', '--init', '--json');
      expect([printed.length, complaints]).toEqual([1, []]);
    });

    it('refuses a store without any keys, and writes nothing there, until it is told that it is new', async () => {
      const refused = await keys('create', '--owner', 'acme');
      expect(refused).toEqual({
        status: 1,
        printed: [],
        complaints: ['This store has no keys: it is new, or has lost its data; pass --init if it is new'],
      });
      expect((await contentsOf(redis.store)).size).toBe(0);
      expect((await keys('create', '--owner', 'acme', '--init')).status).toBe(0);
      expect((await keys('create', '--owner', 'acme')).status).toBe(0);
    });

    it('looks and is digested as the environment says, in its namespace', async () => {
      const env = environment({
        BREAKWATER_KEY_PREFIX: 'acme',
        BREAKWATER_KEY_ENV: 'test',
        BREAKWATER_NAMESPACE: 'app:',
        BREAKWATER_KEY_PEPPER: 'k2:pepper-of-the-newer-keys',
        BREAKWATER_KEY_PEPPER_PREVIOUS: `${PEPPER} plain`,
      });
      const { printed } = await run(['create', '--owner', 'acme', '--init', '--quiet'], { env });
      expect(printed[0]).toMatch(/^acme_test_/);
      const names = [...(await contentsOf(redis.store)).keys()];
      expect(names.filter((name) => /^app:auth:1:k2:/.test(name))).toHaveLength(1);
      expect(names.filter((name) => !name.startsWith('app:'))).toEqual([]);
    });

    it('says so when there is no pepper', async () => {
      const { status, complaints } = await run(['create', '--owner', 'acme', '--init', '--json'], {
        env: { REDIS_URL: redis.url },
      });
      expect(status).toBe(0);
      expect(complaints).toEqual([expect.stringContaining('BREAKWATER_KEY_PEPPER is not set')]);
    });
  });

  describe('list', () => {
    it('prints active keys, oldest first, and no key itself', async () => {
      const gone = await issue();
      const ids = inOrder([await issue(), await issue()]);
      await keys('revoke', gone.id);
      const { status, printed, complaints } = await keys('list');
      expect([status, complaints, printed.length]).toEqual([0, [], 3]);
      expect(printed[0]).toMatch(/^ID +KEY +CREATED +EXPIRES +OWNER$/);
      expect(printed[1]).toMatch(new RegExp(`^${ids[0]}  bw_live_….{4}  \\S+Z  never    acme$`));
      expect(printed[2]).toContain(ids[1]);
    });

    it('gives pages, each with where the next begins', async () => {
      const ids = inOrder([await issue(), await issue(), await issue()]);
      const page = async (...args: string[]): Promise<{ keys: { id: string }[]; next: string | null }> =>
        JSON.parse((await keys('list', '--json', ...args)).printed.join('\n'));
      const first = await page('--limit', '2');
      expect([first.keys.map(({ id }) => id), first.next]).toEqual([ids.slice(0, 2), ids[1]]);
      const second = await page('--limit', '2', '--after', first.next ?? '');
      expect([second.keys.map(({ id }) => id), second.next]).toEqual([ids.slice(2), null]);
      expect((await keys('list', '--limit', '1')).complaints).toEqual([`There may be more: --after ${ids[0]}`]);
    });

    it('gives all of them, page by page, with --all, and says where it is on a terminal', async () => {
      const ids = inOrder([await issue(), await issue(), await issue()]);
      const shown: string[] = [];
      const all = async (...args: readonly string[]) => {
        const printed: string[] = [];
        const status = await dispatch(['keys', 'list', '--all', ...args], {
          ...{ print: (line) => printed.push(line), complain: (line) => expect.unreachable(line) },
          ...{ progress: (line) => shown.push(line), readLine: async () => '' },
          ...{ env: environment(), stop: new AbortController().signal },
        });
        expect(status).toBe(0);
        return printed;
      };
      for (const limit of ['1', '2', '3', '1000']) {
        const { keys: found, next } = JSON.parse((await all('--json', '--limit', limit)).join());
        expect([found.map(({ id }: { id: string }) => id), next]).toEqual([ids, null]);
      }
      expect(shown.filter(Boolean)).toEqual([]);
      expect(await all('--limit', '2')).toHaveLength(4);
      expect(shown.filter(Boolean)).toEqual(['2 keys']);
    });

    it('stopped in the middle prints those that it has, and where the next begin', async () => {
      const [first, second] = inOrder([await issue(), await issue(), await issue()]);
      const stop = new AbortController();
      let pages = 0;
      const store: Store = {
        ...redis.store,
        execute: (commands, options) => {
          pages += 1;
          if (pages === 2) stop.abort();
          return redis.store.execute(commands, options);
        },
      };
      const endpoint = await startRestEndpoint({ store, token: 'secret' });
      try {
        const env = { KV_REST_API_URL: endpoint.url, KV_REST_API_TOKEN: 'secret', BREAKWATER_KEY_PEPPER: PEPPER };
        const args = ['list', '--all', '--limit', '1', '--json'];
        const { status, printed, complaints } = await run(args, { env, stop: stop.signal });
        const { keys: found, next } = JSON.parse(printed.join());
        expect([status, complaints]).toEqual([1, [`Stopped: --after ${next} goes on`]]);
        expect([first, second]).toContain(next);
        expect(found.at(-1).id).toBe(next);
      } finally {
        await endpoint.close();
      }
    });

    it('goes on after a key that was revoked since, and not after one that never was', async () => {
      const [first = '', last = ''] = inOrder([await issue(), await issue()]);
      expect(await keys('list', '--after', last)).toEqual({
        status: 0,
        printed: [],
        complaints: ['No more active keys'],
      });
      await keys('revoke', first);
      const { printed } = await keys('list', '--json', '--after', first);
      expect(JSON.parse(printed.join('\n'))).toMatchObject({ keys: [{ id: last }], next: null });
      expect(await keys('list', '--json', '--after', NO_ID)).toEqual({
        ...{ status: 3, printed: [], complaints: ['There is no such key to go on after'] },
      });
    });

    it('is empty where all keys are revoked, and a failure where there never were any', async () => {
      const nothing = await keys('list', '--json');
      expect([nothing.status, nothing.printed]).toEqual([1, []]);
      expect(nothing.complaints).toEqual(['This store has no keys: it is new, or has lost its data']);
      await keys('revoke', (await issue()).id);
      expect(await keys('list', '--json')).toEqual({ status: 0, printed: ['{"keys":[],"next":null}'], complaints: [] });
      expect(await keys('list')).toEqual({ status: 0, printed: [], complaints: ['No active keys'] });
    });
  });

  describe('usage', () => {
    it('prints how often a key was used on each day, today first', async () => {
      const { id, key } = await issue();
      const { digests } = JSON.parse(String((await redis.store.execute([['GET', `apikey:id:${id}`]]))[0]));
      const [{ kid, digest }] = digests;
      const now = Date.now();
      const dayOf = (at: number) => new Date(at).toISOString().slice(0, 10);
      const counter = `usage:key:${kid}:${digest}:${dayOf(now - DAY_MS).replaceAll('-', '')}`;
      await redis.store.execute([['SET', counter, 7]]);
      const { status, printed } = await keys('usage', id, '--days', '3');
      expect(status).toBe(0);
      expect(printed).toHaveLength(3);
      expect(printed).toContain(`${dayOf(now - DAY_MS)}  7`);
      const document = await run(['usage', '-', '--json'], { env: environment(), input: key });
      expect(JSON.parse(document.printed.join('\n')).usage).toHaveLength(30);
    });
  });

  describe('show', () => {
    it('prints what is known of a key, one thing a line', async () => {
      const { id } = await issue('--scope', 'read', '--scope', 'write', '--limit', 'key=100/60000', '--config', '[1]');
      const { status, printed } = await keys('show', id);
      expect(status).toBe(0);
      expect(Object.fromEntries(printed.map((line) => line.split(/ +(.*)/)))).toMatchObject({
        id,
        status: 'active',
        owner: 'acme',
        scopes: 'read write',
        limits: 'key=100/60000',
        config: '[1]',
        expires: 'never',
        generation: '1',
      });
    });

    it('prints it as a document, of a revoked key too', async () => {
      const { id } = await issue();
      const { record } = await application().create({ owner: 'other' });
      await keys('revoke', id);
      const shown = async (of: string): Promise<unknown> =>
        JSON.parse((await keys('show', of, '--json')).printed.join());
      expect(await shown(id)).toMatchObject({ id, status: 'revoked' });
      expect(await shown(record.id)).toEqual({ ...record, status: 'active' });
    });

    it('shows nothing that a terminal would obey', async () => {
      await issue();
      const { record } = await application().create({ owner: 'evil\u001b[2J\u009b1m\u202e\n' });
      for (const args of [['show', record.id], ['list']]) {
        const { printed } = await keys(...args);
        expect(printed.join('')).toContain('evil\\u{1b}[2J\\u{9b}1m\\u{202e}\\u{a}');
        expect(printed.join('')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
      }
    });

    it('shows nothing that a terminal would obey as a document either, which says the same', async () => {
      await issue();
      const named = { owner: 'evil\u009b1m\u202e\u007f\n', config: { 'a\u{e0001}\u2028': '\u0085é😀' } };
      const { record } = await application().create(named);
      for (const args of [
        ['show', record.id, '--json'],
        ['list', '--json'],
      ]) {
        const { printed } = await keys(...args);
        expect(printed.join('')).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
        expect(printed.join('')).toContain('é😀');
        const said = JSON.parse(printed.join('')) as { keys?: readonly unknown[] };
        expect(said.keys?.at(-1) ?? said).toMatchObject(named);
      }
    });
  });

  describe('rotate', () => {
    it('prints a new key under the same id, and ends the one before', async () => {
      const { key, id } = await issue();
      const { status, printed, complaints } = await keys('rotate', id);
      expect([status, printed.length, complaints.length]).toEqual([0, 1, 1]);
      expect(await application().validate(printed[0] ?? '')).toMatchObject({ status: 'VALID', key: { id } });
      expect(await application().validate(key)).toMatchObject({ status: 'INVALID' });
    });

    it('lets the one before work for the grace that it is given', async () => {
      const { key, id } = await issue();
      const before = Date.now();
      const { printed } = await keys('rotate', id, '--grace', '2h', '--json');
      const { key: next, record } = JSON.parse(printed.join());
      expect(record).toMatchObject({ id, generation: 2 });
      expect(await application().validate(next)).toMatchObject({ status: 'VALID' });
      const old = await application().validate(key);
      const expiresAt = old.status === 'VALID' ? (old.key.expiresAt ?? 0) : 0;
      expect(expiresAt).toBeGreaterThanOrEqual(before + 7_200_000);
      expect(expiresAt).toBeLessThanOrEqual(Date.now() + 7_200_000);
    });

    it('with --quiet prints the key and says nothing', async () => {
      const { printed, complaints } = await keys('rotate', (await issue()).id, '--quiet');
      expect([printed.length, complaints]).toEqual([1, []]);
    });

    it('does not bring a revoked key back', async () => {
      const { id } = await issue();
      await keys('revoke', id);
      expect(await keys('rotate', id)).toEqual({ status: 3, printed: [], complaints: ['There is no such active key'] });
    });
  });

  describe('revoke', () => {
    it('ends a key, and says within which time', async () => {
      const { key, id } = await issue();
      const { status, printed, complaints } = await keys('revoke', id);
      expect([status, printed]).toEqual([0, [`Revoked ${id}`]]);
      expect(complaints).toEqual(['Other processes refuse it as soon as they ask Redis, within 10 s']);
      expect(await application().validate(key)).toMatchObject({ status: 'INVALID', reason: 'revoked' });
    });

    it('says it as a document', async () => {
      const { id } = await issue();
      const { printed, complaints } = await keys('revoke', id, '--json');
      expect(JSON.parse(printed.join())).toEqual({ id, revoked: true, propagated: true });
      expect(complaints).toEqual([]);
    });
  });

  describe('a key in the place of its id', () => {
    it.each(['show', 'rotate', 'revoke'])('is taken from standard input, by %s', async (command) => {
      const { key, id } = await issue();
      const { status, printed } = await run([command, '-', '--json'], { env: environment(), input: key });
      expect([status, printed.length]).toEqual([0, 1]);
      expect(printed[0]).toContain(id);
      expect(printed[0]).not.toContain(key);
    });

    it.each(['show', 'rotate', 'revoke'])('is taken from the environment, by %s', async (command) => {
      const { key, id } = await issue();
      const env = environment({ BREAKWATER_API_KEY: ` ${key}\n` });
      const { status, printed } = await run([command, '--from-env', '--json'], { env });
      expect([status, printed.length]).toEqual([0, 1]);
      expect(printed[0]).toContain(id);
      expect(printed[0]).not.toContain(key);
    });

    it('is found under an older pepper, and may be an id as well', async () => {
      const { key, id } = await issue();
      const env = environment({
        BREAKWATER_KEY_PEPPER: 'k2:pepper-of-the-newer-keys',
        BREAKWATER_KEY_PEPPER_PREVIOUS: PEPPER,
      });
      for (const input of [key, id]) {
        const { printed } = await run(['show', '-', '--json'], { env, input });
        expect(JSON.parse(printed.join())).toMatchObject({ id });
      }
    });

    it.each(['show', 'rotate', 'revoke'])('is refused by %s as an argument, and changes nothing', async (command) => {
      const { key, id } = await issue();
      for (const args of [[key], [`--${key}`], ['-', `${key}x`], [id, '--json', key], [`ID=${key.toUpperCase()}`]]) {
        const { status, printed, complaints } = await run([command, ...args], { env: environment(), input: key });
        expect([status, printed]).toEqual([2, []]);
        expect(complaints[0]).toContain('A key is never an argument');
        expect(complaints.join()).not.toContain(key.slice(-8));
      }
      expect(await application().validate(key)).toMatchObject({ status: 'VALID' });
    });

    it.each([
      ['with a typing error', `${STRAY.slice(0, -1)}_`, 2],
      ['of another prefix', createKeyFormat('other', 'live').generate(), 2],
      ['that nobody issued', STRAY, 3],
    ])('%s is not found, nor said', async (_what, input, status) => {
      await issue();
      const outcome = await run(['revoke', '-'], { env: environment(), input });
      expect([outcome.status, outcome.printed]).toEqual([status, []]);
      expect(outcome.complaints.join()).not.toContain(input.slice(-8));
    });
  });

  it.each(['show', 'rotate', 'revoke'])('%s says that there is no such key, unless nobody can say', async (command) => {
    for (const input of [NO_ID, STRAY]) {
      await redis.store.execute([['FLUSHALL']]);
      const lost = await run([command, '-'], { env: environment(), input });
      expect(lost).toMatchObject({
        status: 1,
        printed: [],
        complaints: ['This store has no keys: it is new, or has lost its data'],
      });
      await issue();
      const unknown = await run([command, '-'], { env: environment(), input });
      expect([unknown.status, unknown.printed, unknown.complaints.length]).toEqual([3, [], 1]);
      expect(unknown.complaints[0]).toMatch(/^There is no such (active )?key$/);
    }
  });

  it('works over REST as well', async () => {
    const endpoint = await startRestEndpoint({ store: redis.store, token: 'secret' });
    try {
      const env = { KV_REST_API_URL: endpoint.url, KV_REST_API_TOKEN: 'secret', BREAKWATER_KEY_PEPPER: PEPPER };
      expect((await run(['create', '--owner', 'acme'], { env })).complaints[0]).toContain('--init');
      const { printed } = await run(['create', '--owner', 'acme', '--init', '--quiet'], { env });
      expect(await application().validate(printed[0] ?? '')).toMatchObject({ status: 'VALID' });
      const listed = await run(['list', '--json'], { env });
      expect(JSON.parse(listed.printed.join()).keys).toHaveLength(1);
      const refused = await run(['list'], { env: { ...env, KV_REST_API_TOKEN: 'wrong' } });
      expect(refused).toMatchObject({ status: 1, printed: [], complaints: [expect.stringContaining('(auth)')] });
    } finally {
      await endpoint.close();
    }
  });

  it('refuses what cannot be right before anything is written', async () => {
    for (const [args] of WRONG) await keys(...args);
    expect((await contentsOf(redis.store)).size).toBe(0);
  });

  it('does nothing when it was asked to stop before it began', async () => {
    const stopped = await run(['create', '--owner', 'acme', '--init'], {
      env: environment(),
      stop: AbortSignal.abort(),
    });
    expect(stopped).toEqual({ status: 1, printed: [], complaints: ['Stopped'] });
    expect((await contentsOf(redis.store)).size).toBe(0);
  });

  it.each([1, 2, 3])('prints a key when one was made, however late it was asked to stop: request %i', async (nth) => {
    const stop = new AbortController();
    let asked = 0;
    const store: Store = {
      ...redis.store,
      execute: (commands, options) => {
        asked += 1;
        if (asked === nth) stop.abort();
        return redis.store.execute(commands, options);
      },
    };
    const endpoint = await startRestEndpoint({ store, token: 'secret' });
    try {
      const env = { KV_REST_API_URL: endpoint.url, KV_REST_API_TOKEN: 'secret', BREAKWATER_KEY_PEPPER: PEPPER };
      const outcome = await run(['create', '--owner', 'acme', '--init', '--quiet'], { env, stop: stop.signal });
      const made = (await contentsOf(redis.store)).size > 0;
      expect([outcome.status, outcome.printed.length]).toEqual(made ? [0, 1] : [1, 0]);
      expect(outcome.complaints).toEqual(made ? [] : ['Stopped']);
      expect(asked).toBeLessThanOrEqual(2);
    } finally {
      await endpoint.close();
    }
  });

  it('says in one line what Redis refuses', async () => {
    await issue();
    await redis.store.execute([['CONFIG', 'SET', 'maxmemory', '1']]);
    try {
      const { status, printed, complaints } = await keys('create', '--owner', 'acme');
      expect([status, printed]).toEqual([1, []]);
      expect(complaints).toEqual([expect.stringMatching(/^Redis did not serve .*OOM/)]);
    } finally {
      await redis.store.execute([['CONFIG', 'SET', 'maxmemory', '0']]);
    }
  });
});

/** Arguments that cannot be right, and what is said of them first. */
const CREATE = ['create', '--init', '--owner', 'acme'];
const WRONG: readonly (readonly [args: readonly string[], said: string])[] = [
  [[], 'Say create, list, show, usage, rotate or revoke'],
  [['usage', NO_ID, '--days', '31'], '--days must be a whole number from 1 to 30'],
  [['create', '--owner', 'a', '--daily-quota', '0'], '--daily-quota must be a whole number from 1 to'],
  [['destroy'], 'Say create, list, show, usage, rotate or revoke'],
  [['constructor'], 'Say create, list, show, usage, rotate or revoke'],
  [['create'], '--owner must be given'],
  [['create', '--owner'], '--owner needs a value'],
  [['create', '--init', '--owner', ''], '--owner must have 1 to 256 characters'],
  [['create', '--init', '--owner', 'x'.repeat(257)], '--owner must have 1 to 256 characters'],
  [['create', '--owner', '--json'], '--owner needs a value'],
  [[...CREATE, '--nope'], 'There is no such option'],
  [[...CREATE, '--scopes', 'read'], 'There is no such option. Did you mean --scope?'],
  [['lst'], 'Say create, list, show, usage, rotate or revoke. Did you mean list?'],
  [[...CREATE, 'extra-argument'], 'There is an argument too many'],
  [[...CREATE, '--scope', 'a b'], '--scope must be at most 64 names of letters, digits and _ : . * -'],
  ...['key', 'key=1', 'key=1/', 'key=-1/1000', 'key=1.5/1000', '=1/1000', 'a b=1/1000', 'key=1/1000/1'].map(
    (limit) =>
      [
        [...CREATE, `--limit=${limit}`],
        '--limit must be <policy>=<limit>/<window in milliseconds>, such as key=100/60000',
      ] as const,
  ),
  ...(
    [
      ['0/1000', 'limit that must be a whole number from 1 to 1000000000'],
      ['1/0', 'windowMs that must be a whole number from 1 to 31622400000'],
      ['1001/1', 'limit that must not exceed one per microsecond'],
      ['1000000001/1000000000', 'limit that must be a whole number from 1 to 1000000000'],
      ['1/999999999999999', 'windowMs that must be a whole number from 1 to 31622400000'],
    ] as const
  ).map(([quota, flaw]) => [[...CREATE, '--limit', `key=${quota}`], `--limit key has a ${flaw}`] as const),
  [[...CREATE, '--limit', 'a=1/1000', '--limit', 'a=2/1000'], '--limit must name each policy once'],
  ...['{', '', "{'a':1}", 'gold'].map((json) => [[...CREATE, `--config=${json}`], '--config must be JSON'] as const),
  ...['', '30', 'd', '1.5h', '-1h', '30D', '1w', '36526d', '9999999999s'].map(
    (life) => [[...CREATE, `--expires-in=${life}`], '--expires-in must be a whole number of s, m, h or d'] as const,
  ),
  [[...CREATE, '--expires-in', '0s'], '--expires-in must be whole milliseconds in the future'],
  [[...CREATE, '--json', '--quiet'], '--json and --quiet exclude each other'],
  [[...CREATE, '--json=yes'], '--json takes no value'],
  [['list', 'extra'], 'There is an argument too many'],
  [['list', '--version'], 'There is no such option'],
  [['list', '--after', '-v'], '--after must be the id of a key'],
  ...['0', '1001', '-1', '1.5', 'ten', '00001'].map(
    (limit) => [['list', `--limit=${limit}`], '--limit must be a whole number from 1 to 1000'] as const,
  ),
  [['list', '--after', 'key_short'], '--after must be the id of a key'],
  ...['show', 'rotate', 'revoke'].flatMap((command) => [
    [[command], 'Give the id of one key, or -'] as const,
    [[command, NO_ID, NO_ID], 'There is an argument too many'] as const,
    [[command, NO_ID, '--from-env'], 'Give the id of one key, or -'] as const,
    [[command, '-', '--from-env'], 'Give the id of one key, or -'] as const,
    [[command, 'key_short'], 'That is not the id of a key'] as const,
    [[command, 'hunter2'], 'That is not the id of a key'] as const,
    [[command, '--from-env'], 'BREAKWATER_API_KEY is not set'] as const,
    [[command, NO_ID, '--nope'], 'There is no such option'] as const,
  ]),
  [['rotate', NO_ID, '--grace', '1'], '--grace must be a whole number of s, m, h or d'],
  [['rotate', NO_ID, '--grace', '367d'], '--grace must be a whole number from 0 to'],
  [['rotate', NO_ID, '--json', '--quiet'], '--json and --quiet exclude each other'],
  [['revoke', NO_ID, '--quiet'], 'There is no such option'],
];

describe('breakwater keys', () => {
  it.each(WRONG)('refuses %j and says why', async (args, said) => {
    // Nobody is there: what is wrong is found without asking.
    const { status, printed, complaints } = await run(args, { env: { REDIS_URL: `redis://127.0.0.1:${1}` } });
    expect([status, printed, complaints.length]).toEqual([2, [], 2]);
    expect(complaints[0]?.startsWith(said), complaints[0]).toBe(true);
    expect(complaints[1]).toMatch(/^See breakwater keys(?: [a-z]+)? --help$/);
    expect(complaints[0]).not.toContain('hunter2');
  });

  it('says when there is nothing on standard input', async () => {
    const { status, complaints } = await run(['show', '-'], { env: { REDIS_URL: 'redis://127.0.0.1:1' }, input: '' });
    expect([status, complaints[0]]).toEqual([2, 'There is nothing on standard input']);
  });

  it('explains itself, its exit statuses included', async () => {
    const help = async (...args: readonly string[]) => {
      const { status, printed, complaints } = await run(args, { env: {} });
      expect([status, complaints]).toEqual([0, []]);
      return printed.join('\n');
    };
    for (const word of ['create', 'list', 'show', 'usage', 'rotate', 'revoke']) {
      expect(await help('--help')).toMatch(new RegExp(`^  ${word} +[A-Z]`, 'm'));
      expect(await help(word, '-h')).toMatch(
        /^Exit status:\n {2}0 {2}done\n {2}1 {2}Redis could not be asked, or holds no/m,
      );
    }
    expect(await help('create', '--help')).toContain('--init');
    expect(await help('show', '--help')).toContain('3  there is no such key');
  });

  it.each([{}, { KV_STORE: 'memory', REDIS_URL: 'redis://127.0.0.1:1' }])(
    'refuses memory, which is nobody else’s, and says what to set: %j',
    async (env) => {
      for (const args of [CREATE, ['list'], ['show', NO_ID], ['rotate', NO_ID], ['revoke', NO_ID]]) {
        const { status, printed, complaints } = await run(args, { env });
        expect([status, printed]).toEqual([2, []]);
        for (const name of ['KV_REST_API_URL', 'KV_REST_API_TOKEN', 'REDIS_URL']) expect(complaints[0]).toContain(name);
      }
    },
  );

  it('names the variable that is wrong, and not its value', async () => {
    const { status, complaints } = await run(['list'], { env: { REDIS_URL: 'http://hunter2' } });
    expect([status, complaints[0]?.split(' ')[0]]).toEqual([2, 'REDIS_URL']);
    expect(complaints.join()).not.toContain('hunter2');
  });
});

describe('breakwater keys, with Redis away', () => {
  const COMMANDS = [CREATE, ['list'], ['show', NO_ID], ['rotate', NO_ID], ['revoke', NO_ID]];
  const servers: Server[] = [];
  const sockets: Socket[] = [];
  afterEach(() => {
    for (const server of servers.splice(0)) server.close();
    for (const socket of sockets.splice(0)) socket.destroy();
  });

  /** Takes connections and says nothing. */
  async function blackHole(onData: (socket: Socket) => void = () => undefined): Promise<number> {
    const server = createServer((socket) => {
      sockets.push(socket);
      socket.on('error', () => undefined);
      socket.on('data', () => onData(socket));
    }).listen(0, '127.0.0.1');
    servers.push(server);
    await once(server, 'listening');
    const address = server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  it.each(COMMANDS.map((args) => [args[0], args] as const))(
    '%s says so in one line, by TCP and REST',
    async (_, args) => {
      const port = await freePort();
      for (const env of [
        { REDIS_URL: `redis://:hunter2@127.0.0.1:${port}` },
        { KV_REST_API_URL: `http://127.0.0.1:${port}`, KV_REST_API_TOKEN: 'hunter2' },
      ]) {
        const { status, printed, complaints } = await run(args, { env });
        expect([status, printed, complaints.length]).toEqual([1, [], 1]);
        expect(complaints[0]).toMatch(/^Redis did not serve \(network\): /);
        expect(complaints[0]).not.toContain('hunter2');
      }
    },
  );

  it('waits no longer than the deadline, and says when a change may have been made', async () => {
    const port = await blackHole();
    const env = { KV_REST_API_URL: `http://127.0.0.1:${port}`, KV_REST_API_TOKEN: 'x', KV_REQUEST_TIMEOUT_MS: '50' };
    expect((await run(['list'], { env })).complaints).toEqual(['Redis did not answer: No answer within 50 ms']);
    const created = await run(CREATE, { env });
    expect([created.status, created.printed]).toEqual([1, []]);
    expect(created.complaints).toEqual([
      'Redis did not answer: No answer within 50 ms; it may have been done all the same: look before you do it again',
    ]);
    const byTcp = await run(CREATE, { env: { REDIS_URL: `redis://127.0.0.1:${port}`, KV_REQUEST_TIMEOUT_MS: '50' } });
    expect([byTcp.status, byTcp.printed, byTcp.complaints.length]).toEqual([1, [], 1]);
  });

  it('stops when it is asked to', async () => {
    const stop = new AbortController();
    const port = await blackHole(() => stop.abort());
    const env = { REDIS_URL: `redis://127.0.0.1:${port}`, KV_REQUEST_TIMEOUT_MS: '60000' };
    const { status, printed, complaints } = await run(['list'], { env, stop: stop.signal });
    expect([status, printed, complaints]).toEqual([1, [], ['Stopped']]);
  });
});
