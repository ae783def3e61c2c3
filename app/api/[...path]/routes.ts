import * as track from '../../../api/analytics/track.ts';
import * as consoleSnapshot from '../../../api/console/snapshot.ts';
import * as consoleStream from '../../../api/console/stream.ts';
import * as syncUsage from '../../../api/cron/sync-usage.ts';
import * as outage from '../../../api/demo/outage.ts';
import * as echo from '../../../api/echo.ts';
import * as redis from '../../../api/health/redis.ts';
import * as health from '../../../api/health.ts';
import * as key from '../../../api/keys/[id]/index.ts';
import * as rotate from '../../../api/keys/[id]/rotate.ts';
import * as usage from '../../../api/keys/[id]/usage.ts';
import * as keys from '../../../api/keys/index.ts';
import * as metrics from '../../../api/metrics.ts';
import * as openapi from '../../../api/openapi.ts';
import * as whoami from '../../../api/whoami.ts';

type Handler = (request: Request) => Response | Promise<Response>;
/** Handlers by method. */
export type Methods = Partial<Record<string, Handler>>;

/**
 * Next's door to `api/*`. One catch-all, and never a second route with the path of an `api/` file: on Vercel those are
 * functions of their own, and two of one name overwrite each other without an error. `:` is a free second segment.
 */
export const routes: ReadonlyMap<string, Methods> = new Map<string, Methods>([
  ['analytics/track', { POST: track.POST }],
  ['console/snapshot', { GET: consoleSnapshot.GET }],
  ['console/stream', { GET: consoleStream.GET }],
  ['cron/sync-usage', { GET: syncUsage.GET }],
  ['demo/outage', { POST: outage.POST }],
  ['echo', { POST: echo.POST }],
  ['health', { GET: health.GET }],
  ['health/redis', { GET: redis.GET }],
  ['keys', { GET: keys.GET, POST: keys.POST }],
  ['keys/:', { DELETE: key.DELETE, GET: key.GET }],
  ['keys/:/rotate', { POST: rotate.POST }],
  ['keys/:/usage', { GET: usage.GET }],
  ['metrics', { GET: metrics.GET }],
  ['openapi', { GET: openapi.GET }],
  ['whoami', { GET: whoami.GET }],
]);
