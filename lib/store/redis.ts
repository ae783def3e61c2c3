import { systemClock } from '../clock.ts';
import { createClusterNodes } from './cluster-nodes.ts';
import { hostAndPort, nodeName } from './cluster-topology.ts';
import { linkedStore } from './linked-store.ts';
import { clusterStore } from './redis-cluster.ts';
import { type Connector, openLink } from './redis-connect.ts';
import { createClient } from './redis-driver.ts';
import type { RedisStoreOptions } from './redis-options.ts';
import { primaryOpener } from './redis-sentinel.ts';
import { redisTarget, redisTimes } from './redis-target.ts';
import type { Store } from './store.ts';

export type {
  RedisClusterOptions,
  RedisSentinelOptions,
  RedisStoreOptions,
  RedisTlsOptions,
  RedisUrlOptions,
} from './redis-options.ts';

/**
 * A store on one Redis, on the primary that sentinels watch, or on a Cluster. Node only; needs the package `ioredis`.
 *
 * The first request connects, and so does any request that finds the connection lost: it makes up to three attempts
 * while its signal lasts. Each `execute` is one write to the socket. Nothing is sent twice, and nothing is written for a
 * caller that has been told it failed. With Redis away it rejects with a `StoreError`: `network` (refused, reset, closed
 * half-way), `unavailable` while Redis loads its data, `auth`. There is no deadline here: give a signal.
 *
 * When a signal fires and Redis has been silent since the request was written, the connection is under suspicion: unless
 * Redis says something before, the next request opens another one. When a signal fires while an attempt to connect is
 * under way, that goes on, and the next request makes another one beside it: whichever succeeds first is used. Two at
 * once at most.
 *
 * **Sentinels**: each attempt asks them for the primary, and the primary whether it is one. A reply `READONLY` makes the
 * next request do so. A failover costs the requests until it is over, and no restart.
 *
 * **Cluster**: one connection to each primary. A batch is one write to each node that it concerns, after all of them are
 * connected. The parts run side by side, in order within each node only; where one is lost, the request fails as a
 * whole. A command that a node refuses with `MOVED` or `ASK` goes to the node that it names, five times at most;
 * `CLUSTERDOWN` and `TRYAGAIN` are replies. A command or an `atomic` batch whose keys are in several slots is answered
 * with `CROSSSLOT`: give the keys a hash tag, `{user:7}:a`. FLUSHALL, FLUSHDB, DBSIZE, SCRIPT LOAD and FLUSH, and
 * FUNCTION LOAD, DELETE, FLUSH and RESTORE go to all primaries; other commands without keys to any one. SCAN and KEYS
 * want a pattern with a hash tag and ask the node of its slot, which may not know all of it while the slot moves.
 *
 * **Subscriptions** share a connection of their own, to the primary of the time behind sentinels. On a Cluster it is one to
 * any primary, another one when that is lost, for the nodes hand each message to all others.
 *
 * @example
 * ```ts
 * const store = redisStore({ url: 'redis://localhost:6379' });
 * const [count] = await store.execute([['INCR', 'visits']], { signal: AbortSignal.timeout(1000) });
 * await store.close();
 * ```
 *
 * @throws ConfigError when an option cannot be right; from `execute` when `ioredis` is not installed, or when the nodes
 * are no Cluster.
 */
export function redisStore(options: RedisStoreOptions): Store {
  const { clock = systemClock } = options;
  const { connectTimeoutMs, subscriberPingMs } = redisTimes(options);
  const target = redisTarget(options);
  const connector: Connector = {
    createClient: (address) => createClient(address, target.tls),
    connectTimeoutMs,
    clock,
  };
  const lineTimes = { pingAfterMs: subscriberPingMs, answerMs: connectTimeoutMs, clock };
  if (target.kind === 'cluster') {
    const nodes = createClusterNodes({
      seeds: target.seeds.map(({ host, port }) => nodeName(host, port)),
      open: (node, closing) => openLink(connector, { ...hostAndPort(node), ...target.node }, closing),
      timeoutMs: connectTimeoutMs,
      clock,
    });
    return clusterStore({ nodes, lineTimes, clock });
  }
  const open =
    target.kind === 'sentinels'
      ? primaryOpener(target.group, connector)
      : (closing: AbortSignal) => openLink(connector, target.address, closing);
  return linkedStore({ open, lineTimes, clock });
}
