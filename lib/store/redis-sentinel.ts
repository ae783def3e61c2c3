import { StoreError } from '../errors.ts';
import { untilAborted } from './abort.ts';
import { firstAnswer } from './first-answer.ts';
import { type Connector, connectFor } from './redis-connect.ts';
import type { RedisLink } from './redis-link.ts';
import type { RedisAddress, RedisNode, RedisNodes } from './redis-url.ts';
import { closedError } from './shared-link.ts';
import { isErrorReply, type Reply } from './store.ts';

export interface SentinelGroup {
  readonly sentinels: RedisNodes;
  readonly sentinelPassword: string | undefined;
  /** Under which the sentinels watch the primary. */
  readonly name: string;
  /** How to speak to the primary, wherever it is. */
  readonly primary: Omit<RedisAddress, keyof RedisNode>;
}

/** A sentinel that has not led to the primary by then is given company. */
const STAGGER_MS = 250;

/**
 * Opens links to the primary that the sentinels name. Nothing is remembered: each attempt asks anew, and begins with
 * another sentinel than the one before, because one that was cut off from the rest keeps naming the old primary.
 *
 * Not ioredis's own Sentinel connector: that one goes round the sentinels with timers of its own, and takes what they
 * name for the primary without asking it.
 */
export function primaryOpener(
  group: SentinelGroup,
  connector: Connector,
): (closing: AbortSignal) => Promise<RedisLink> {
  const [first, ...others] = group.sentinels.nodes;
  let order: [RedisNode, ...RedisNode[]] = [first, ...others];

  return async (closing) => {
    const candidates = order;
    const [leading, ...following] = order;
    const [next = leading, ...rest] = following;
    if (following.length > 0) order = [next, ...rest, leading];
    const over = new AbortController();
    const end = (): void => over.abort();
    closing.addEventListener('abort', end);
    const stopClock = connector.clock.after(connector.connectTimeoutMs, end);
    try {
      const found = firstAnswer(candidates, (sentinel) => openPrimary(group, sentinel, connector, over.signal), {
        staggerMs: STAGGER_MS,
        discard: (link) => link.retire(),
        clock: connector.clock,
      });
      return await untilAborted(found, over.signal, noAnswer);
    } catch (error) {
      if (closing.aborted) throw closedError();
      throw over.signal.aborted ? noAnswer() : error;
    } finally {
      stopClock();
      closing.removeEventListener('abort', end);
      end();
    }
  };
}

async function openPrimary(
  group: SentinelGroup,
  sentinel: RedisNode,
  connector: Connector,
  over: AbortSignal,
): Promise<RedisLink> {
  const { secure } = group.sentinels;
  const credentials = { username: undefined, password: group.sentinelPassword };
  const found = await connectFor(
    connector,
    { ...sentinel, ...credentials, secure, database: 0 },
    over,
    async (link) => {
      const [reply] = await link.send([['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', group.name]], over);
      link.retire();
      return namedPrimary(reply);
    },
  );
  return connectFor(connector, { ...group.primary, ...found }, over, async (link) => {
    const [role] = await link.send([['ROLE']], over);
    // A user who may not ask takes the sentinel's word; a replica still says READONLY.
    const isPrimary = Array.isArray(role)
      ? role[0] === 'master'
      : isErrorReply(role) && role.error.startsWith('NOPERM');
    if (!isPrimary) throw new StoreError('unavailable', 'What a sentinel names is no primary', { mayHaveRun: false });
    return link;
  });
}

function namedPrimary(reply: Reply | undefined): RedisNode {
  const [host, port] = Array.isArray(reply) ? reply : [];
  if (typeof host !== 'string' || !/^\d+$/.test(String(port))) {
    throw new StoreError('unavailable', 'A sentinel knows no primary of this name', { mayHaveRun: false });
  }
  return { host, port: Number(port) };
}

function noAnswer(): StoreError {
  return new StoreError('network', 'No sentinel led to the primary in time', { mayHaveRun: false });
}
