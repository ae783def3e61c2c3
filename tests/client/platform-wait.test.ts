import { afterEach, describe, expect, it, vi } from 'vitest';
import { createBackground } from '../../lib/client/background.ts';
import { createKv } from '../../lib/client/kv-client.ts';
import { memoryStore } from '../../lib/store/memory/index.ts';

const NEXT = Symbol.for('@next/request-context');
const shelf = globalThis as { [NEXT]?: unknown };

/** As a worker on Cloudflare sees its platform, with `nodejs_compat`. */
function asWorker(modules: Readonly<Record<string, unknown>>): void {
  vi.stubGlobal('navigator', { userAgent: 'Cloudflare-Workers' });
  vi.stubGlobal('process', { getBuiltinModule: (id: string) => modules[id] });
}

describe('work in the background', () => {
  afterEach(() => {
    vi.unstubAllGlobals();
    delete shelf[NEXT];
  });

  const told = vi.fn();
  const run = async (waitUntil?: (work: Promise<unknown>) => void) => {
    told.mockClear();
    const background = createBackground(waitUntil);
    background.run(async () => 'done');
    await background.settled();
    return told.mock.calls.length;
  };

  it('is told to a worker on Cloudflare, which would end it with the answer', async () => {
    asWorker({ 'cloudflare:workers': { waitUntil: told } });
    expect(await run()).toBe(1);
  });

  it('is told to the platform that hosts Next, of the request of that moment', async () => {
    expect(await run()).toBe(0);
    shelf[NEXT] = { get: () => ({ waitUntil: told }) };
    expect(await run()).toBe(1);
    shelf[NEXT] = { get: () => undefined };
    expect(await run()).toBe(0);
  });

  it('is told to nobody else where an application has said whom', async () => {
    asWorker({ 'cloudflare:workers': { waitUntil: told } });
    const own = vi.fn();
    expect(await run(own)).toBe(0);
    expect(own).toHaveBeenCalledTimes(1);
  });

  it('goes on where a worker says nothing, or refuses outside a request', async () => {
    asWorker({});
    expect(await run()).toBe(0);
    told.mockImplementationOnce(() => {
      throw new Error('not within a request');
    });
    asWorker({ 'cloudflare:workers': { waitUntil: told } });
    expect(await run()).toBe(1);
  });
});

describe('a client of an application’s own', () => {
  afterEach(() => {
    vi.unstubAllGlobals();
  });

  it.each([
    ['Cloudflare', { navigator: { userAgent: 'Cloudflare-Workers' } }],
    ['the Edge of Vercel', { EdgeRuntime: 'vercel' }],
  ])('lets no request wait for another unless it is told to, on %s', (_where, globals) => {
    expect(createKv({ store: memoryStore() }).sharesPromises).toBe(true);
    for (const [name, value] of Object.entries(globals)) vi.stubGlobal(name, value);
    expect(createKv({ store: memoryStore() }).sharesPromises).toBe(false);
    expect(createKv({ store: memoryStore(), coalesce: 'isolate' }).sharesPromises).toBe(true);
  });
});
