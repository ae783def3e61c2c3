import { describe, expect, it } from 'vitest';
import { createKv } from '../lib/client/kv-client.ts';
import { getDefaults } from '../lib/default-client.ts';
import { idempotent } from '../lib/idempotent.ts';
import { memoryStore } from '../lib/store/memory/memory-store.ts';
import { useDefaultEnvironment } from './support/default-environment.ts';

useDefaultEnvironment();

const post = () =>
  new Request('https://example.test/', { method: 'POST', body: 'x', headers: { 'idempotency-key': '"k"' } });

describe('idempotent', () => {
  it('works on the default client, with what the platform passes beside the request', async () => {
    const handler = idempotent((_: Request, context: { readonly id: string }) => new Response(context.id), {
      scope: () => 'u',
    });
    expect(await (await handler(post(), { id: '1' })).text()).toBe('1');
    expect(await (await handler(post(), { id: '2' })).text()).toBe('1');
    expect(await getDefaults().kv.command(['EXISTS', 'dedup:{work:idempotent:u%3Ak}'])).toBe(1);
  });

  it('works on a client of its own where it is given one', async () => {
    const kv = createKv({ store: memoryStore() });
    const handler = idempotent(() => new Response('own'), { scope: () => 'u', kv });
    await handler(post());
    expect(await kv.command(['EXISTS', 'dedup:{work:idempotent:u%3Ak}'])).toBe(1);
    expect(await getDefaults().kv.command(['DBSIZE'])).toBe(0);
  });
});
