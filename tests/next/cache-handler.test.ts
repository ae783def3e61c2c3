import type { CacheHandlerContext } from 'next/dist/server/lib/incremental-cache/index.js';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { getDefaults } from '../../lib/default-client.ts';
import { useDefaultEnvironment } from '../support/default-environment.ts';
import { nextEntry, textIn } from '../support/next-cache-entries.ts';

const CONTEXT: CacheHandlerContext = { revalidatedTags: [], _requestHeaders: {} };
const FETCH = { kind: 'FETCH' } as never;

/** The modules as Next loads them, in a process that has just started. */
async function load() {
  vi.resetModules();
  const { default: handler } = await import('../../lib/next/cache-handler.ts');
  const { default: Handler } = await import('../../lib/next/incremental-cache-handler.ts');
  return { handler, Handler };
}

const entry = () => Promise.resolve(nextEntry('made', { timestamp: performance.timeOrigin + performance.now() }));

describe('the modules that next.config names', () => {
  useDefaultEnvironment();
  beforeEach(() => {
    vi.spyOn(console, 'warn').mockImplementation(() => undefined);
  });

  it('are on the default client, which is made at first use', async () => {
    const { handler, Handler } = await load();
    await handler.refreshTags();
    await handler.set('key', entry());
    expect(await textIn(handler, 'key')).toBe('made');
    const request = new Handler(CONTEXT);
    await request.get('fetched', FETCH);
    await request.set('fetched', { kind: 'FETCH' } as never, { fetchCache: true });
    expect(await new Handler(CONTEXT).get('fetched', FETCH)).toMatchObject({ value: { kind: 'FETCH' } });
    const [found] = await getDefaults().kv.execute([
      ['EXISTS', 'cache:next:use-cache:key', 'cache:next:fetch:fetched'],
    ]);
    expect(found).toBe(2);
  });

  it('share what is known of revalidations, and one request for each', async () => {
    const { handler, Handler } = await load();
    await handler.refreshTags();
    const execute = vi.spyOn(getDefaults().kv, 'execute');
    await Promise.all([handler.updateTags(['tag']), new Handler(CONTEXT).revalidateTag('tag')]);
    expect(execute.mock.calls.map(([commands]) => commands.map(([name]) => name))).toEqual([
      ['EVALSHA', 'ZRANGEBYSCORE'],
    ]);
  });

  it('fail nobody of an environment that cannot work: nothing is kept, and it is logged once', async () => {
    vi.stubEnv('KV_STORE', 'nonsense');
    const error = vi.spyOn(console, 'error').mockImplementation(() => undefined);
    const { handler, Handler } = await load();
    await handler.refreshTags();
    await handler.set('key', entry());
    await handler.updateTags(['tag']);
    expect(await handler.get('key', [])).toBeUndefined();
    const request = new Handler(CONTEXT);
    await request.set('key', null, {});
    await request.revalidateTag('tag');
    request.resetRequestCache();
    expect(await request.get('key', FETCH)).toBeNull();
    expect(error.mock.calls).toEqual([[expect.stringContaining('[Breakwater] Not configured: KV_STORE')]]);
  });
});

describe('the modules that next.config names, with ENABLE_REDIS_CACHE=false', () => {
  useDefaultEnvironment({ ENABLE_REDIS_CACHE: 'false' });

  it('never ask Redis, and keep in their process what was made there', async () => {
    vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    const { handler } = await load();
    const execute = vi.spyOn(getDefaults().kv, 'execute');
    const command = vi.spyOn(getDefaults().kv, 'command');
    await handler.refreshTags();
    await handler.set('key', entry());
    await handler.updateTags(['tag']);
    expect(await textIn(handler, 'key')).toBe('made');
    expect([execute.mock.calls, command.mock.calls]).toEqual([[], []]);
  });
});
