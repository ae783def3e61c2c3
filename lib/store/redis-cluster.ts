import type { Clock } from '../clock.ts';
import { StoreError } from '../errors.ts';
import { abortedError } from './abort.ts';
import type { ClusterNodes } from './cluster-nodes.ts';
import { type Route, routeOf, transactionRoute } from './cluster-route.ts';
import { keySlot } from './cluster-slots.ts';
import { type NodeName, type Redirection, redirectionOf, type Topology } from './cluster-topology.ts';
import { connectionStore } from './connection-store.ts';
import type { RedisLink } from './redis-link.ts';
import { codeOf } from './reply-problem.ts';
import { closedError, withinAttempts } from './shared-link.ts';
import { type Command, isErrorReply, type Reply, type Store } from './store.ts';
import type { LineTimes } from './subscriber-line.ts';
import { transaction, transactionReplies } from './transaction.ts';

export interface ClusterStoreOptions {
  readonly nodes: ClusterNodes;
  readonly lineTimes: LineTimes;
  readonly clock: Clock;
}

/** What stays together: a command, or a transaction. */
interface Unit {
  readonly commands: readonly Command[];
  readonly route: Exclude<Route, { to: 'none' }>;
  readonly index: number;
  /** Where it was sent by the node that has refused it. */
  readonly ask?: NodeName | undefined;
}

/** What goes to one node in one write. */
interface Part {
  readonly node: NodeName;
  readonly link: RedisLink;
  readonly units: readonly Unit[];
}

/** Moved, asked for elsewhere, and moved again before that: more is a Cluster that has not made up its mind. */
const MAX_REDIRECTIONS = 5;

/**
 * A store on a Redis Cluster: one link to each primary, and a small router in front of them.
 *
 * Not ioredis's own Cluster. As of 6.0 it sends a command again after `CLUSTERDOWN` and `TRYAGAIN` on timers of its
 * own, a whole pipeline after one `MOVED` where the rest were reads, and none of it knows that the caller has given up
 * meanwhile. A pipeline has to stay in the slots of one node besides. Here a command is written once, and once more only
 * where a node has said that it did not run it but knows who does.
 */
export function clusterStore({ nodes, lineTimes, clock }: ClusterStoreOptions): Store {
  const { store, isClosed } = connectionStore({
    each: runEach,
    together: runTogether,
    openLine: nodes.openAny,
    lineTimes,
    close: nodes.close,
  });

  async function runTogether(commands: readonly Command[], signal: AbortSignal | undefined): Promise<readonly Reply[]> {
    const route = transactionRoute(commands);
    if (route.to === 'none') return commands.map(() => route.refusal);
    const [answers] = await run([{ commands: transaction(commands), route, index: 0 }], signal);
    return transactionReplies(answers?.[0] ?? [], commands.length);
  }

  async function runEach(commands: readonly Command[], signal: AbortSignal | undefined): Promise<readonly Reply[]> {
    const routes = commands.map(routeOf);
    const units = commands.flatMap((command, index): Unit[] => {
      const route = routes[index];
      return route === undefined || route.to === 'none' ? [] : [{ commands: [command], route, index }];
    });
    const answers = units.length === 0 ? [] : await run(units, signal);
    return routes.map((route, index) => {
      if (route.to === 'none') return route.refusal;
      const replies = (answers[index] ?? []).map(([reply = null]) => reply);
      return route.to === 'all' ? route.combine(replies) : (replies[0] ?? null);
    });
  }

  /** For each unit, by its index, what each node that it was for has replied. */
  async function run(units: readonly Unit[], signal: AbortSignal | undefined): Promise<Reply[][][]> {
    const answers: Reply[][][] = [];
    let left = units;
    let ran = false;
    let moved = false;
    for (let redirections = 0; ; redirections += 1) {
      const parts = await place(left, signal).catch((error: unknown) => {
        throw ran ? afterOthersRan(error) : error;
      });
      // Time has passed since these were last asked.
      if (isClosed()) throw ran ? afterOthersRan(closedError()) : closedError();
      if (signal?.aborted) throw abortedError(signal, ran);
      if (!parts.every(({ link }) => link.usable())) {
        nodes.doubt();
        throw new StoreError('network', 'The connection closed', { mayHaveRun: ran });
      }
      const refused: Unit[] = [];
      for (const { part, unit, replies } of await sendAll(parts, signal)) {
        const redirection = redirections < MAX_REDIRECTIONS ? redirectionIn(replies, part.node) : undefined;
        if (redirection === undefined || unit.route.to === 'all') {
          ran = true;
          answers[unit.index] = [...(answers[unit.index] ?? []), replies];
        } else {
          moved ||= redirection.kind === 'MOVED';
          refused.push(redirected(unit, redirection));
        }
      }
      if (refused.length === 0) {
        // Only now: a node asked before may know less than the one that has just said where a slot is.
        if (moved) nodes.doubt();
        return answers;
      }
      left = refused.sort((a, b) => a.index - b.index);
    }
  }

  function redirected(unit: Unit, { kind, slot, node }: Redirection): Unit {
    if (kind === 'ASK') return { ...unit, ask: node };
    nodes.moved(slot, node);
    return { ...unit, route: { to: 'slot', slot }, ask: undefined };
  }

  /** Finds a usable link for each unit before anything is written: while one is missing nothing of the batch has run. */
  function place(units: readonly Unit[], signal: AbortSignal | undefined): Promise<readonly Part[]> {
    let attempts = 0;
    return withinAttempts(
      async () => {
        try {
          const topology = await nodes.topology(signal);
          const byNode = grouped(units, topology, anyNode(units, topology, attempts++));
          return await Promise.all(
            [...byNode].map(async ([node, its]) => ({
              node,
              units: its,
              link: await nodes.link(node).attempt(signal),
            })),
          );
        } catch (error) {
          nodes.doubt();
          throw error;
        }
      },
      signal,
      clock,
    );
  }

  /** For what may run anywhere: where the batch goes anyway, or else a node that is known to live. */
  function anyNode(units: readonly Unit[], topology: Topology, attempts: number): NodeName {
    for (const { route } of units) {
      const primary = route.to === 'slot' ? topology.primaryOf(route.slot) : undefined;
      if (primary !== undefined) return primary;
    }
    const { primaries } = topology;
    const live = primaries.find((node) => nodes.link(node).usable());
    return live ?? primaries[attempts % primaries.length] ?? '';
  }

  /** Writes all parts in one go. Rejects when all have come to an end, or a part would still be written after that. */
  async function sendAll(parts: readonly Part[], signal: AbortSignal | undefined) {
    const sent = await Promise.allSettled(parts.map((part) => part.link.send(written(part), signal)));
    const lost = sent.find((outcome) => outcome.status === 'rejected');
    const answered = sent.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value : []));
    if (lost !== undefined) {
      nodes.doubt();
      throw lost.reason;
    }
    if (answered.some((replies) => replies.some(isClusterDown))) nodes.doubt();
    return parts.flatMap((part, index) => repliesOf(part, answered[index] ?? []));
  }

  return { ...store, slotOf: keySlot };
}

function grouped(units: readonly Unit[], topology: Topology, any: NodeName): ReadonlyMap<NodeName, readonly Unit[]> {
  const byNode = new Map<NodeName, Unit[]>();
  for (const unit of units) {
    for (const node of nodesFor(unit, topology, any)) {
      const its = byNode.get(node) ?? [];
      its.push(unit);
      byNode.set(node, its);
    }
  }
  return byNode;
}

function nodesFor({ route, ask }: Unit, topology: Topology, any: NodeName): readonly NodeName[] {
  if (ask !== undefined) return [ask];
  if (route.to === 'all') return topology.primaries;
  // Nobody has the slot: any node says so, in Redis's words.
  return [(route.to === 'slot' ? topology.primaryOf(route.slot) : undefined) ?? any];
}

function written({ units }: Part): readonly Command[] {
  // One ASKING before MULTI lasts until EXEC.
  return units.flatMap(({ commands, ask }): readonly Command[] =>
    ask === undefined ? commands : [['ASKING'], ...commands],
  );
}

function repliesOf(part: Part, replies: readonly Reply[]) {
  let next = 0;
  return part.units.map((unit) => {
    if (unit.ask !== undefined) next += 1;
    const start = next;
    next += unit.commands.length;
    return { part, unit, replies: replies.slice(start, next) };
  });
}

/** Why nothing of a unit has run. A transaction of which one command was refused is discarded by EXEC. */
function redirectionIn(replies: readonly Reply[], asked: NodeName): Redirection | undefined {
  if (!isErrorReply(replies.at(-1))) return undefined;
  return replies.map((reply) => redirectionOf(reply, asked)).find((redirection) => redirection !== undefined);
}

function isClusterDown(reply: Reply): boolean {
  return isErrorReply(reply) && codeOf(reply.error) === 'CLUSTERDOWN';
}

function afterOthersRan(error: unknown): unknown {
  if (!(error instanceof StoreError)) return error;
  return new StoreError(error.kind, error.message, { cause: error.cause, mayHaveRun: true });
}
