import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { NextServer } from '../../cli/next-server.ts';
import { createKv } from '../../lib/client/kv-client.ts';
import { createApiKeys } from '../../lib/keys/api-keys.ts';
import { createKeyNames } from '../../lib/keys/key-names.ts';
import { redisStore } from '../../lib/store/redis.ts';
import type { Command, Store } from '../../lib/store/store.ts';
import { eventually } from '../support/eventually.ts';
import { circuitOf, knock, linesWith } from '../support/front-door.ts';
import { ask, PEPPER, type Stack, startStack, TOKEN } from '../support/next-app.ts';
import { type RestTap, startRestTap, WRONG_TOKEN } from '../support/rest-tap.ts';

const names = createKeyNames('');
const HOUR_MS = 3_600_000;

let stack: Stack;
let tap: RestTap;
/** Its requests to Redis pass the tap. */
let first: NextServer;
let second: NextServer;
/** By a connection of its own. */
let redis: Store;
let admin: string;

beforeAll(async () => {
  stack = await startStack();
  tap = await startRestTap(stack.endpoint.url);
  redis = redisStore({ url: stack.redis.url });
  [first, second] = await Promise.all([stack.start({ KV_REST_API_URL: tap.url }), stack.start()]);
  admin = await newKey({ scopes: ['admin'] });
}, 120_000);

afterAll(async () => {
  await redis?.close();
  await tap?.close();
  await stack?.stop();
});

const newKey = async ({ limit = 1_000_000, scopes = [] as readonly string[] } = {}): Promise<string> =>
  (await stack.keys.create({ owner: 'acme', scopes, limits: { key: { limit, windowMs: HOUR_MS } } })).key;

const unknownKey = (): string => stack.keys.format.generate();
const run = (...commands: Command[]) => redis.execute(commands);

/** `POST /api/keys` as the administrator. */
const create = (server: NextServer) =>
  ask(server, {
    ...{ key: admin, path: '/api/keys', method: 'POST', body: '{"owner":"acme"}' },
    headers: { 'content-type': 'application/json' },
  });

const PASSED = { status: 200, degraded: null };
const INVALID = { status: 401, code: 'api-key-invalid' };
const UNAVAILABLE = { status: 503, code: 'key-store-unavailable' };

describe('fault 12 WRONGTYPE on an auth key', () => {
  it.each(['entry', 'record'] as const)('fault 12 WRONGTYPE on an auth key: its %s is a list', async (place) => {
    const [key, seen] = [await newKey(), await newKey()];
    expect(await knock(first, seen)).toMatchObject(PASSED);
    const restores: Command[] = [];
    for (const one of [key, seen]) {
      const digest = await stack.keys.digest(one);
      const [text] = await run(['GET', names.record(digest)]);
      const spoilt = names[place](digest);
      await run(['DEL', names.entry(digest), spoilt], ['RPUSH', spoilt, 'no record']);
      restores.push(['DEL', spoilt], ['SET', names.record(digest), String(text)]);
    }

    // Whom the process knows passes on its last answer; nobody is told that the key is none.
    for (let turn = 0; turn < 3; turn += 1) {
      expect(await knock(first, key)).toMatchObject(UNAVAILABLE);
      expect(await knock(first, seen)).toMatchObject({ status: 200, degraded: expect.stringContaining('keys') });
    }
    expect(await circuitOf(first)).toBe('CLOSED');
    const line = '[KV] Failed to read a record (keys): WRONGTYPE';
    await eventually(() => linesWith(first, line).length > 0);
    expect(linesWith(first, line)).toHaveLength(1);

    await run(...restores);
    for (const one of [key, seen]) expect(await knock(first, one)).toMatchObject(PASSED);
  });

  it('fault 12 WRONGTYPE on what stands beside a key keeps it from nothing', async () => {
    const key = await newKey();
    const digest = await stack.keys.digest(key);
    const day = new Date().toISOString().slice(0, 10).replaceAll('-', '');
    const counter = names.usage(digest, day);
    await run(['RPUSH', counter, 'no count'], ['RENAME', names.sentinel, 'kept'], ['RPUSH', names.sentinel, 'none']);
    for (let turn = 0; turn < 3; turn += 1) expect(await knock(first, key)).toMatchObject({ status: 200 });
    expect(await knock(first, unknownKey())).toMatchObject(UNAVAILABLE);
    await run(['DEL', counter, names.sentinel], ['RENAME', 'kept', names.sentinel]);
    expect(await knock(first, key)).toMatchObject(PASSED);
    expect(await knock(first, unknownKey())).toMatchObject(INVALID);
  });

  it('fault 12 WRONGTYPE on the record of an id: management cannot say', async () => {
    const { record } = await stack.keys.create({ owner: 'acme' });
    await run(['DEL', names.id(record.id)], ['RPUSH', names.id(record.id), 'no record']);
    for (const [method, path] of [
      ['GET', ''],
      ['DELETE', ''],
      ['POST', '/rotate'],
    ] as const) {
      const response = await ask(first, { key: admin, method, path: `/api/keys/${record.id}${path}` });
      expect([response.status, await response.json()]).toEqual([
        503,
        expect.objectContaining({ code: UNAVAILABLE.code }),
      ]);
    }
    await run(['DEL', names.id(record.id)]);
  });
});

describe('fault 13 NOAUTH / WRONGPASS / 401 (wrong token)', () => {
  it.each([
    ['the endpoint refuses the token', () => tap.answer(WRONG_TOKEN), () => tap.answer(undefined)],
    [
      'Redis refuses the command',
      () => run(['ACL', 'SETUSER', 'default', '-eval', '-evalsha']),
      () => run(['ACL', 'SETUSER', 'default', '+@all']),
    ],
  ])('fault 13 NOAUTH / WRONGPASS / 401 (wrong token): %s', async (_, take, give) => {
    const [known, limited, revoked, stranger] = [
      await newKey(),
      await newKey({ limit: 3 }),
      await newKey(),
      await newKey(),
    ];
    for (const key of [known, limited, revoked]) expect(await knock(first, key)).toMatchObject(PASSED);
    await stack.keys.revoke(revoked);
    expect(await knock(first, revoked)).toMatchObject(INVALID);

    await take();
    for (let turn = 0; turn < 8; turn += 1) {
      expect(await knock(first, known)).toMatchObject({ status: 200, degraded: 'keys, limit' });
      expect(await knock(first, stranger)).toMatchObject(UNAVAILABLE);
      expect(await knock(first, unknownKey())).toMatchObject(UNAVAILABLE);
      expect(await knock(first, revoked)).toMatchObject(INVALID);
    }
    const counted: number[] = [];
    for (let turn = 0; turn < 5; turn += 1) counted.push((await knock(first, limited)).status);
    expect(counted).toEqual([200, 200, 200, 429, 429]);
    expect((await create(first)).status).toBe(503);
    expect(await circuitOf(first)).toBe('CLOSED');

    await give();
    for (const key of [known, stranger]) expect(await knock(first, key)).toMatchObject(PASSED);
    expect(await knock(first, unknownKey())).toMatchObject(INVALID);
    expect((await create(first)).status).toBe(201);
  });

  it('fault 13 leaves a line about the configuration, and the token in none', () => {
    expect(linesWith(first, '[KV] Failed to authenticate or authorise: ').length).toBeGreaterThanOrEqual(1);
    expect(linesWith(first, 'Circuit is OPEN')).toEqual([]);
    expect(first.output()).not.toContain(TOKEN);
  });
});

describe('fault 38 unknown key, then created', () => {
  it('fault 38 unknown key, then created: at once on the process that creates it, and on one that never met it', async () => {
    const created = await create(first);
    expect(created.status).toBe(201);
    const { key } = (await created.json()) as { key: string };
    expect(await knock(first, key)).toMatchObject(PASSED);
    expect(await knock(second, key)).toMatchObject(PASSED);
  });

  it('fault 38 unknown key, then created: also where it was unknown a moment ago, for limits are asked for anyway', async () => {
    const key = unknownKey();
    for (const server of [first, second]) expect(await knock(server, key)).toMatchObject(INVALID);
    const { format } = stack.keys;
    const kv = createKv({ store: redis });
    const issuing = createApiKeys({ kv, pepper: PEPPER, format: { ...format, generate: () => key } });
    await issuing.create({ owner: 'acme' });
    for (const server of [first, second]) expect(await knock(server, key)).toMatchObject(PASSED);
  });
});

describe('Redis away, and back', () => {
  /** Kills Redis, gives its data away or back with `between`, and starts it again. */
  async function restart(between: () => Promise<void> = async () => undefined): Promise<void> {
    await stack.redis.kill('SIGKILL');
    await between();
    await stack.redis.restart();
  }

  /** Only requests close a circuit. */
  const closes = (server: NextServer) =>
    eventually(async () => {
      const { status } = await knock(server, admin);
      return status === 200 && (await circuitOf(server)) === 'CLOSED';
    });

  it('fault 35 Redis away, valid cached key; fault 36 Redis away, unknown key', async () => {
    const [known, revoked, stranger] = [await newKey(), await newKey(), await newKey()];
    for (const key of [known, revoked]) expect(await knock(first, key)).toMatchObject(PASSED);
    await stack.keys.revoke(revoked);
    expect(await knock(first, revoked)).toMatchObject(INVALID);

    await stack.redis.kill('SIGKILL');
    for (let turn = 0; turn < 8; turn += 1) {
      expect(await knock(first, known)).toMatchObject({ status: 200, degraded: 'keys, limit' });
      expect(await knock(first, revoked)).toMatchObject(INVALID);
      for (const key of [stranger, unknownKey()]) expect(await knock(first, key)).toMatchObject(UNAVAILABLE);
    }
    expect(await circuitOf(first)).toBe('OPEN');
    expect((await create(first)).status).toBe(503);

    await stack.redis.restart();
    await closes(first);
    for (const key of [known, stranger]) expect(await knock(first, key)).toMatchObject(PASSED);
    for (const key of [revoked, unknownKey()]) expect(await knock(first, key)).toMatchObject(INVALID);
  });

  it('fault 36 Redis away, unknown key: and restarted empty, until its data is back', async () => {
    const [known, revoked, stranger] = [await newKey(), await newKey(), await newKey()];
    expect(await knock(first, known)).toMatchObject(PASSED);
    expect(await knock(second, admin)).toMatchObject(PASSED);
    await stack.keys.revoke(revoked);
    const [reply] = await run(['CONFIG', 'GET', 'dir']);
    const folder = Array.isArray(reply) ? String(reply[1]) : '';
    const [data, aside] = ['appendonlydir', 'aside'].map((name) => join(folder, name)) as [string, string];

    await restart(() => rename(data, aside));
    const late = await stack.start();
    for (const server of [first, second]) await closes(server);
    for (let turn = 0; turn < 3; turn += 1) {
      expect(await knock(first, known)).toMatchObject({ status: 200, degraded: 'keys, limit' });
      for (const key of [stranger, revoked, unknownKey()]) expect(await knock(first, key)).toMatchObject(UNAVAILABLE);
      for (const key of [known, unknownKey()]) expect(await knock(late, key)).toMatchObject(UNAVAILABLE);
    }
    for (const server of [first, second, late]) expect(await (await create(server)).json()).toMatchObject(UNAVAILABLE);
    expect(await run(['EXISTS', names.sentinel], ['KEYS', 'apikey:*'])).toEqual([0, []]);
    expect(linesWith(first, 'the store holds no keys at all')).toHaveLength(1);

    await restart(async () => {
      await rename(data, join(folder, 'empty'));
      await rename(aside, data);
    });
    for (const server of [first, late]) {
      await closes(server);
      for (const key of [known, stranger]) expect(await knock(server, key)).toMatchObject({ status: 200 });
      for (const key of [revoked, unknownKey()]) expect(await knock(server, key)).toMatchObject(INVALID);
    }
    expect((await create(first)).status).toBe(201);
  });
});
