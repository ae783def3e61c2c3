import { EdgeVM } from '@edge-runtime/vm';
import { expect, it } from 'vitest';
import { edgeBundle, edgeLeaks } from '../../../bench/edge-bundle.mjs';

it('sessions are their own code only, and work in an Edge sandbox', async () => {
  const source = `
    export { createKv } from './lib/kv.ts';
    export { memoryStore } from './lib/store/memory/index.ts';
    export * from './lib/primitives/session/index.ts';
  `;
  const code = await edgeBundle(source, { format: 'iife', globalName: 'bundle' });
  expect(edgeLeaks(await edgeBundle("export * from './lib/primitives/session/index.ts';"))).toEqual([]);
  const outcome = new EdgeVM().evaluate<Promise<string>>(`${code};
    const sessions = bundle.createSessions({ kv: bundle.createKv({ store: bundle.memoryStore() }), pepper: 'x'.repeat(32) });
    const cookie = bundle.sessionCookie();
    sessions.create('ada', { cart: [] })
      .then(({ token }) => new Headers({ cookie: cookie.write(token).split(';')[0] }))
      .then((headers) => sessions.read(cookie.read(headers)))
      .then(({ status, session }) => JSON.stringify([status, session.userId, session.data]))
  `);
  expect(await outcome).toBe('["active","ada",{"cart":[]}]');
});
