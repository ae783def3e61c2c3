import { onDefaultClient } from '../../lib/default-client.ts';
import { admit } from '../_console/admission.ts';
import { streamLooks } from '../_console/event-stream.ts';
import { lookThroughMiddleware } from '../_console/own-server.ts';
import { createSampler } from '../_console/sampler.ts';

/** Of this process: what one watcher sees costs the next one nothing. */
const watched = onDefaultClient('console-sampler', ({ kv: { clock } }) => {
  const sampler = createSampler({ look: lookThroughMiddleware, clock });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    // A server that is told to stop waits for its answers, and these have no end. Where nobody listens for the signal it
    // ends the process by itself, which a listener would prevent.
    if (process.listenerCount(signal) > 0) process.once(signal, sampler.end);
  }
  return { sampler, clock };
});

/** What `/api/console/snapshot` answers, once a second, and what was seen before: as server-sent events, `ConsoleEvents`. */
export async function GET(request: Request): Promise<Response> {
  const leave = await admit(request);
  return leave instanceof Response ? leave : streamLooks(request, { ...watched(), leave });
}
