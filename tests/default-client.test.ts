import { afterEach, describe, expect, it, vi } from 'vitest';
import { readSettings } from '../lib/config.ts';
import { createDefaults, type Defaults, getDefaults, onDefaultClient } from '../lib/default-client.ts';
import { ConfigError } from '../lib/errors.ts';
import { forgetDefaults, useDefaultEnvironment } from './support/default-environment.ts';
import { contentsOf, realRedis } from './support/every-store.ts';

const [OLD, NEW] = ['old:pepper-of-the-older-keys', 'new:pepper-of-the-newer-keys'];

describe('the default client', () => {
  const redis = realRedis();
  const opened: Defaults[] = [];
  afterEach(async () => {
    for (const { kv } of opened.splice(0)) await kv.close();
  });

  /** As a process that is started with this environment, and knows nothing yet. */
  const started = (env: Readonly<Record<string, string>>): Defaults => {
    const defaults = createDefaults(readSettings({ REDIS_URL: redis.url, ...env }));
    opened.push(defaults);
    return defaults;
  };

  const kids = async (): Promise<readonly (string | undefined)[]> => {
    const names = [...(await contentsOf(redis.store)).keys()];
    return names.map((name) => /^auth:1:([^:]+):/.exec(name)?.[1]).filter(Boolean);
  };

  it('warns once, in production, that keys are stored without a pepper, and not where there is one', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    const { keys } = started({ NODE_ENV: 'production' });
    for (const owner of ['a', 'b']) await keys.validate((await keys.create({ owner })).key);
    // A busy machine may be slow as well, which is said too.
    const said = warn.mock.calls.filter(([line]) => !String(line).startsWith('[KV] Slow'));
    expect(said).toEqual([['[KV] BREAKWATER_KEY_PEPPER is not set: API keys are stored as plain SHA-256']]);
    warn.mockClear();
    started({ NODE_ENV: 'production', BREAKWATER_KEY_PEPPER: NEW });
    expect(warn).not.toHaveBeenCalled();
    warn.mockRestore();
  });

  it.each([
    ['Cloudflare', { navigator: { userAgent: 'Cloudflare-Workers' } }],
    ['the Edge of Vercel', { EdgeRuntime: 'vercel' }],
  ])('lets no request wait for what another one has begun on %s', (_where, globals) => {
    expect(started({}).kv.sharesPromises).toBe(true);
    for (const [name, value] of Object.entries(globals)) vi.stubGlobal(name, value);
    const { kv } = started({});
    vi.unstubAllGlobals();
    expect(kv.sharesPromises).toBe(false);
  });

  it('goes on with the keys of older peppers, and with those from before there was one', async () => {
    const plain = await started({}).keys.create({ owner: 'plain' });
    const old = await started({ BREAKWATER_KEY_PEPPER: OLD }).keys.create({ owner: 'old' });
    expect((await kids()).toSorted()).toEqual(['old', 'plain']);

    const { keys } = started({ BREAKWATER_KEY_PEPPER: NEW, BREAKWATER_KEY_PEPPER_PREVIOUS: `${OLD} plain` });
    for (const { key, record } of [plain, old]) {
      expect(await keys.validate(key)).toMatchObject({ status: 'VALID', key: { id: record.id } });
    }
    await redis.store.execute([['FLUSHALL']]);
    const { key } = await started({ BREAKWATER_KEY_PEPPER: NEW, BREAKWATER_KEY_PEPPER_PREVIOUS: OLD }).keys.create({
      owner: 'new',
    });
    expect(await kids()).toEqual(['new']);
    expect(await started({ BREAKWATER_KEY_PEPPER: NEW }).keys.validate(key)).toMatchObject({ status: 'VALID' });
  });

  it('knows a key no more once its pepper is gone', async () => {
    const { key } = await started({ BREAKWATER_KEY_PEPPER: OLD }).keys.create({ owner: 'old' });
    const { keys } = started({ BREAKWATER_KEY_PEPPER: NEW, BREAKWATER_KEY_PEPPER_PREVIOUS: 'plain' });
    expect(await keys.validate(key)).toMatchObject({ status: 'INVALID', reason: 'unknown' });
  });

  it('rotates a key of an older pepper to the one of new keys', async () => {
    const old = await started({ BREAKWATER_KEY_PEPPER: OLD }).keys.create({ owner: 'old' });
    const both = { BREAKWATER_KEY_PEPPER: NEW, BREAKWATER_KEY_PEPPER_PREVIOUS: OLD };
    const rotated = await started(both).keys.rotate(old.key);
    const { keys } = started({ BREAKWATER_KEY_PEPPER: NEW });
    expect(await keys.validate(rotated?.key ?? '')).toMatchObject({ status: 'VALID', key: { id: old.record.id } });
    expect(await started(both).keys.validate(old.key)).toMatchObject({ status: 'INVALID', reason: 'revoked' });
  });

  it('with ENABLE_REDIS_CACHE=false counts limits in its process alone, and leaves keys where they are', async () => {
    const off = started({ ENABLE_REDIS_CACHE: 'false' });
    const { key } = await off.keys.create({ owner: 'a' });
    expect(await off.limiter.check({ handler: 'u' })).toMatchObject({ allowed: true, basis: 'local' });
    expect(await started({}).keys.validate(key)).toMatchObject({ status: 'VALID' });
    await started({}).keys.revoke(key);
    expect(await started({ ENABLE_REDIS_CACHE: 'false' }).keys.validate(key)).toMatchObject({ reason: 'revoked' });
    const limits = () => contentsOf(redis.store).then((all) => [...all.keys()].filter((name) => /limit/.test(name)));
    expect(await limits()).toEqual([]);
    expect(await started({}).limiter.check({ handler: 'u' })).toMatchObject({ basis: 'store' });
    expect(await limits()).toHaveLength(1);
  });

  it('issues and accepts keys of the prefix and environment that are set, and no others', async () => {
    const { key } = await started({ BREAKWATER_KEY_PREFIX: 'acme', BREAKWATER_KEY_ENV: 'test' }).keys.create({
      owner: 'a',
    });
    expect(key).toMatch(/^acme_test_[0-9A-Za-z]{38}$/);
    expect(await started({ BREAKWATER_KEY_PREFIX: 'acme' }).keys.validate(key)).toMatchObject({ reason: 'malformed' });
    expect((await started({ BREAKWATER_KEY_PREFIX: 'acme' }).keys.create({ owner: 'a' })).key).toMatch(/^acme_live_/);
    expect((await started({ BREAKWATER_KEY_ENV: 'test' }).keys.create({ owner: 'a' })).key).toMatch(/^bw_test_/);
  });
});

describe('settings that are read', () => {
  it('are accepted by what they are for: no error of an option is left for the first use', () => {
    const previous = ['plain', `${OLD} plain`, `${OLD} a:${'x'.repeat(16)} b:${'y'.repeat(16)}`];
    for (const BREAKWATER_KEY_PEPPER_PREVIOUS of previous) {
      const settings = readSettings({ BREAKWATER_KEY_PEPPER: NEW, BREAKWATER_KEY_PEPPER_PREVIOUS });
      expect(() => createDefaults(settings)).not.toThrow();
    }
    const plainAsName = { BREAKWATER_KEY_PEPPER: `plain:${'x'.repeat(16)}` };
    expect(() => readSettings(plainAsName)).toThrow(ConfigError);
  });
});

describe('what the environment says', () => {
  useDefaultEnvironment();

  it('is read at the first use and not again', async () => {
    vi.resetModules();
    vi.stubEnv('KV_STORE', 'typo');
    const { isKVHealthy } = await import('../lib/kv.ts');
    vi.stubEnv('KV_STORE', 'memory');
    expect(isKVHealthy()).toBe(true);
    vi.stubEnv('KV_STORE', 'typo');
    expect(isKVHealthy()).toBe(true);
  });

  it('makes one client and one circuit for all copies of the module in a process', async () => {
    const copy = async () => {
      vi.resetModules();
      return import('../lib/kv.ts');
    };
    const [one, two] = [await copy(), await copy()];
    expect(one.resetCircuitBreaker).not.toBe(two.resetCircuitBreaker);
    const { epoch } = one.getCircuitBreakerState();
    two.resetCircuitBreaker();
    expect(one.getCircuitBreakerState().epoch).toBe(epoch + 1);
    await one.kvSet('k', 'v', 60);
    expect(await two.kvGet('k')).toBe('v');
  });

  it.each([
    [{ NODE_ENV: 'production' }, 1],
    [{ NODE_ENV: 'production', KV_STORE: 'memory' }, 1],
    [{ NODE_ENV: 'production', REDIS_URL: 'redis://localhost:1' }, 0],
    [{ NODE_ENV: 'development' }, 0],
    [{}, 0],
  ])('%j warns %d times that limits are per process', (env, times) => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    createDefaults(readSettings(env));
    const lines = warn.mock.calls.map(([line]) => String(line)).filter((line) => line.includes('in each process'));
    expect(lines).toHaveLength(times);
  });
});

describe('what a process has once on its default client', () => {
  useDefaultEnvironment();

  it('is one for all copies of the module that makes it, and made at first use', () => {
    const make = vi.fn(({ kv }: Defaults) => ({ kv }));
    const [first, second] = [onDefaultClient('test-thing', make), onDefaultClient('test-thing', make)];
    expect(make).not.toHaveBeenCalled();
    expect(first()).toBe(second());
    expect(first().kv).toBe(getDefaults().kv);
    expect(make).toHaveBeenCalledTimes(1);
  });

  it('is another under another name, and on another client', () => {
    const thing = onDefaultClient('test-thing', ({ kv }) => ({ kv }));
    const before = thing();
    expect(onDefaultClient('test-other', () => before)()).toBe(before);
    forgetDefaults();
    expect(thing()).not.toBe(before);
    expect(thing().kv).toBe(getDefaults().kv);
  });

  it('is made again when it could not be made', () => {
    let fails = true;
    const thing = onDefaultClient('test-failing', () => {
      if (fails) throw new ConfigError('X', 'is missing');
      return 1;
    });
    expect(thing).toThrow('X is missing');
    fails = false;
    expect(thing()).toBe(1);
  });
});
