import { StoreError } from '../errors.ts';
import { isErrorReply, type Reply } from './store.ts';

/** A host and a port, `[::1]:6379` for IPv6. */
export type NodeName = string;

export interface Topology {
  /** In the order of their names. */
  readonly primaries: readonly NodeName[];
  /** The primary of a slot; `undefined` where nobody serves it. */
  primaryOf(slot: number): NodeName | undefined;
}

export interface Redirection {
  readonly kind: 'MOVED' | 'ASK';
  readonly slot: number;
  readonly node: NodeName;
}

/**
 * Reads the reply to CLUSTER SLOTS.
 *
 * @param asked the node that answered: Redis leaves a host empty that it does not know, which is its own.
 * @throws StoreError `unavailable` when it does not describe a Cluster that serves.
 */
export function readTopology(reply: Reply | undefined, asked: NodeName): Topology {
  const ranges = (isList(reply) ? reply : []).flatMap((range) => {
    const [first, last, primary] = isList(range) ? range : [];
    const [host, port] = isList(primary) ? primary : [];
    if (typeof first !== 'number' || typeof last !== 'number' || typeof port !== 'number') return [];
    return [{ first, last, node: nodeName(typeof host === 'string' ? host : '', port, asked) }];
  });
  if (ranges.length === 0) {
    throw new StoreError('unavailable', 'The node does not know of a Cluster that serves', { mayHaveRun: false });
  }
  return {
    primaries: [...new Set(ranges.map(({ node }) => node))].sort(),
    primaryOf: (slot) => ranges.find(({ first, last }) => first <= slot && slot <= last)?.node,
  };
}

/** The same, but for one slot of which a node has said where it is. */
export function withMoved(topology: Topology, moved: number, node: NodeName): Topology {
  return {
    primaries: [...new Set([...topology.primaries, node])].sort(),
    primaryOf: (slot) => (slot === moved ? node : topology.primaryOf(slot)),
  };
}

/** What `MOVED 3999 127.0.0.1:6381` says. `undefined` for every other reply. */
export function redirectionOf(reply: Reply | undefined, asked: NodeName): Redirection | undefined {
  if (!isErrorReply(reply)) return undefined;
  const [, kind, slot, host = '', port] = /^(MOVED|ASK) (\d+) (.*):(\d+)$/.exec(reply.error) ?? [];
  if (kind !== 'MOVED' && kind !== 'ASK') return undefined;
  return { kind, slot: Number(slot), node: nodeName(host, Number(port), asked) };
}

export function nodeName(host: string, port: number, asked: NodeName = ''): NodeName {
  if (host === '' || host === '?') return `${asked.slice(0, asked.lastIndexOf(':'))}:${port}`;
  return host.includes(':') && !host.startsWith('[') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** The opposite of {@link nodeName}. */
export function hostAndPort(node: NodeName): { readonly host: string; readonly port: number } {
  const colon = node.lastIndexOf(':');
  return { host: node.slice(0, colon).replace(/^\[(.*)\]$/, '$1'), port: Number(node.slice(colon + 1)) };
}

function isList(reply: Reply | undefined): reply is readonly Reply[] {
  return Array.isArray(reply);
}
