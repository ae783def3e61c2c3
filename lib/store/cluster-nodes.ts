import type { Clock } from '../clock.ts';
import { ConfigError, StoreError } from '../errors.ts';
import { untilAborted } from './abort.ts';
import { type NodeName, readTopology, type Topology, withMoved } from './cluster-topology.ts';
import { firstAnswer } from './first-answer.ts';
import type { RedisLink } from './redis-link.ts';
import { shareAttempt } from './shared-attempt.ts';
import { closedError, type SharedLink, shareLink } from './shared-link.ts';
import { isErrorReply } from './store.ts';

export interface ClusterNodesOptions {
  readonly seeds: readonly NodeName[];
  readonly open: (node: NodeName, closing: AbortSignal) => Promise<RedisLink>;
  /** Bound of asking where the slots are. */
  readonly timeoutMs: number;
  readonly clock: Clock;
}

/** One connection to each node that is needed, and what is known of where the slots are. */
export interface ClusterNodes {
  /** As it was learnt last, or asked for now where that is in doubt. @throws StoreError with `mayHaveRun: false` */
  topology(signal: AbortSignal | undefined): Promise<Topology>;
  link(node: NodeName): SharedLink<RedisLink>;
  /** A further connection to a primary, whichever answers first: another one each time. @throws StoreError */
  openAny(over: AbortSignal): Promise<RedisLink>;
  /** A node has said where a slot is. */
  moved(slot: number, node: NodeName): void;
  /** Something went wrong: whoever needs the topology next asks for it. */
  doubt(): void;
  close(): Promise<void>;
}

/** A node that has not answered by then is given company. */
const STAGGER_MS = 250;

export function createClusterNodes({ seeds, open, timeoutMs, clock }: ClusterNodesOptions): ClusterNodes {
  const links = new Map<NodeName, SharedLink<RedisLink>>();
  let known: Topology | undefined;
  let doubtful = false;
  let refreshes = 0;
  // Not the same node for all processes.
  let turn = clock.now();
  let closed = false;
  const refreshing = shareAttempt<Topology>({
    begin: refresh,
    // What takes long is connecting, and that goes on by itself.
    atMost: 1,
    keep: (topology) => {
      known = topology;
      releaseOthers();
    },
  });

  function link(node: NodeName): SharedLink<RedisLink> {
    if (closed) throw closedError();
    const existing = links.get(node);
    if (existing !== undefined) return existing;
    const made = shareLink((closing) => open(node, closing));
    links.set(node, made);
    return made;
  }

  /**
   * Those first to which a connection is open: they live. Another one of them each time: what it knows may be old. Then seeds
   * and known nodes by turns: where all that are known are silent, there is no time to ask each of them before a seed.
   */
  function candidates(): readonly NodeName[] {
    const primaries = known?.primaries ?? [];
    const turns = Array.from({ length: Math.max(primaries.length, seeds.length) }, (_, turn) => turn);
    const byTurns = turns.flatMap((turn) => [primaries[turn], seeds[turn]]).filter((node) => node !== undefined);
    const nodes = [...new Set(byTurns)];
    const live = nodes.filter((node) => links.get(node)?.usable());
    const turn = live.length === 0 ? 0 : refreshes % live.length;
    return [...new Set([...live.slice(turn), ...live.slice(0, turn), ...nodes])];
  }

  async function ask(node: NodeName, over: AbortSignal): Promise<Topology> {
    const connection = await link(node).attempt(over);
    const [reply] = await connection.send([['CLUSTER', 'SLOTS']], over);
    if (!isErrorReply(reply)) return readTopology(reply, node);
    if (/cluster support disabled/.test(reply.error)) {
      throw new ConfigError('cluster.nodes', 'must be nodes of a Redis Cluster');
    }
    const kind = reply.error.startsWith('NOPERM') ? 'auth' : 'unavailable';
    throw new StoreError(kind, 'The node does not say where the slots are', { mayHaveRun: false });
  }

  async function refresh(over: AbortSignal): Promise<Topology> {
    const [first, ...others] = candidates();
    if (first === undefined) throw new ConfigError('cluster.nodes', 'must name at least one host:port');
    refreshes += 1;
    doubtful = false;
    const ended = new AbortController();
    const end = (): void => ended.abort();
    over.addEventListener('abort', end);
    const stopClock = clock.after(timeoutMs, end);
    try {
      const answer = firstAnswer([first, ...others], (node) => ask(node, ended.signal), {
        staggerMs: STAGGER_MS,
        clock,
      });
      return await untilAborted(answer, ended.signal, noAnswer);
    } catch (error) {
      // Unless another one has taken over.
      if (!over.aborted) doubtful = true;
      releaseOthers();
      // What was asked is nobody's command: nothing of anybody's has run.
      const isNetwork = error instanceof StoreError && (error.kind === 'network' || error.kind === 'aborted');
      throw isNetwork ? noAnswer() : error;
    } finally {
      stopClock();
      over.removeEventListener('abort', end);
      end();
    }
  }

  async function topology(signal: AbortSignal | undefined): Promise<Topology> {
    if (known !== undefined && !doubtful && !refreshing.underWay()) return known;
    return refreshing.join(signal);
  }

  async function openAny(over: AbortSignal): Promise<RedisLink> {
    const { primaries } = await topology(over);
    const start = turn++ % primaries.length;
    const [first = '', ...others] = [...primaries.slice(start), ...primaries.slice(0, start)];
    try {
      return await firstAnswer([first, ...others], (node) => open(node, over), {
        staggerMs: STAGGER_MS,
        discard: (made) => made.retire(),
        clock,
      });
    } catch (error) {
      doubtful = true;
      throw error;
    }
  }

  /** The connections to nodes that nobody needs now: to seeds, and to primaries of yesterday. */
  function releaseOthers(): void {
    const primaries = new Set(known?.primaries);
    for (const [node, made] of links) if (!primaries.has(node)) made.release();
  }

  return {
    link,
    topology,
    openAny,
    moved: (slot, node) => {
      if (known !== undefined) known = withMoved(known, slot, node);
    },
    doubt: () => {
      doubtful = true;
    },
    close: async () => {
      closed = true;
      await Promise.all([...links.values()].map((made) => made.close()));
    },
  };
}

function noAnswer(): StoreError {
  return new StoreError('network', 'No node of the Cluster says where the slots are', { mayHaveRun: false });
}
