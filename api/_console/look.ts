import type { StoreSettings } from '../../lib/config/store-settings.ts';
import { readConsoleSettings } from '../../lib/config.ts';
import { getDefaults } from '../../lib/default-client.ts';
import { getMetrics, getMiddlewareMetrics } from '../../lib/metrics.ts';
import { parseRedisNodes, parseRedisUrl } from '../../lib/store/redis-url.ts';
import { demoState } from './demo-control.ts';
import type { ConsoleSnapshot } from './snapshot.ts';

/** What can be seen in a request that has come through the middleware; without one, all but that. No request to Redis. */
export async function look(request?: Request): Promise<ConsoleSnapshot> {
  const { demo } = readConsoleSettings();
  const { settings, kv } = getDefaults();
  const { store, namespace } = settings;
  return {
    at: kv.clock.now(),
    store: { kind: store.kind, namespace: namespace === '' ? null : namespace, host: hostOf(store) },
    middleware: request ? await getMiddlewareMetrics(request) : null,
    handler: getMetrics(),
    demo: demo ? await demoState(demo) : null,
  };
}

/** Of a Cluster, and of sentinels, the first that is named. */
function hostOf(store: StoreSettings): string | null {
  if (store.kind === 'memory') return null;
  if (store.kind === 'upstash') return new URL(store.url).hostname;
  if ('url' in store) return parseRedisUrl(store.url).host;
  const { nodes } = 'cluster' in store ? store.cluster : store.sentinels;
  return parseRedisNodes(nodes, 'nodes').nodes[0].host;
}
