import { systemClock } from '../../lib/clock.ts';
import { admit } from '../_console/admission.ts';
import { streamLooks } from '../_console/event-stream.ts';
import { lookThroughMiddleware } from '../_console/own-server.ts';
import { createSampler, type Sampler } from '../_console/sampler.ts';

/** Of this process: what one watcher sees costs the next one nothing. */
let shared: Sampler | undefined;

/** What `/api/console/snapshot` answers, once a second, and what was seen before: as server-sent events, `ConsoleEvents`. */
export async function GET(request: Request): Promise<Response> {
  const leave = await admit(request);
  if (leave instanceof Response) return leave;
  shared ??= createShared();
  return streamLooks(request, { sampler: shared, leave, clock: systemClock });
}

function createShared(): Sampler {
  const sampler = createSampler({ look: lookThroughMiddleware, clock: systemClock });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    // A server that is told to stop waits for its answers, and these have no end. Where nobody listens for the signal it
    // ends the process by itself, which a listener would prevent.
    if (process.listenerCount(signal) > 0) process.once(signal, sampler.end);
  }
  return sampler;
}
