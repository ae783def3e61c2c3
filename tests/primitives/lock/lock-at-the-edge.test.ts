import { EdgeVM } from '@edge-runtime/vm';
import { expect, it } from 'vitest';
import { edgeBundle, edgeLeaks } from '../../../bench/edge-bundle.mjs';

it('locks are their own code only, and work in an Edge sandbox', async () => {
  const source = `
    export { createKv } from './lib/kv.ts';
    export { memoryStore } from './lib/store/memory/index.ts';
    export * from './lib/primitives/lock/index.ts';
  `;
  const code = await edgeBundle(source, { format: 'iife', globalName: 'bundle' });
  expect(edgeLeaks(await edgeBundle("export * from './lib/primitives/lock/index.ts';"))).toEqual([]);
  const outcome = new EdgeVM().evaluate<Promise<string>>(`${code};
    const locks = bundle.createLocks({ kv: bundle.createKv({ store: bundle.memoryStore() }) });
    locks.withLock('k', { signal: new AbortController().signal }, ({ fence, signal }) => fence > 0 && !signal.aborted)
      .then((outcome) => JSON.stringify(outcome))
  `);
  expect(await outcome).toBe('{"status":"done","value":true}');
});
