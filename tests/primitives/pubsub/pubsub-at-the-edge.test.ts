import { EdgeVM } from '@edge-runtime/vm';
import { expect, it } from 'vitest';
import { edgeBundle, edgeLeaks } from '../../../bench/edge-bundle.mjs';

const SOURCE = `
  import { createKv } from './lib/client/kv-client.ts';
  import { createPubSub } from './lib/primitives/pubsub/index.ts';
  import { upstashStore } from './lib/store/upstash.ts';

  /** What arrives of one message, from an endpoint that answers as Upstash does. */
  export async function heardOnce() {
    const events = 'data: subscribe,pubsub:news,1\\n\\ndata: message,pubsub:news,{"n":1}\\n\\n';
    const fetch = async () => new Response(new ReadableStream({
      start: (controller) => controller.enqueue(new TextEncoder().encode(events)),
    }), { headers: { 'content-type': 'text/event-stream' } });
    const kv = createKv({ store: upstashStore({ url: 'http://localhost', token: 'secret', fetch }) });
    const pubsub = createPubSub({ kv });
    const message = await new Promise((resolve) => pubsub.subscribe('news', resolve));
    await kv.close();
    return JSON.stringify(message);
  }`;

it('publish and subscribe works in an Edge sandbox', async () => {
  const code = await edgeBundle(SOURCE, { format: 'iife', globalName: 'bundle' });
  expect(edgeLeaks(code)).toEqual([]);
  expect(await new EdgeVM().evaluate<Promise<string>>(`${code};bundle.heardOnce()`)).toBe('{"n":1}');
});
