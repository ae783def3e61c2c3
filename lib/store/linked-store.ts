import type { Clock } from '../clock.ts';
import { StoreError } from '../errors.ts';
import { abortedError } from './abort.ts';
import { connectionStore } from './connection-store.ts';
import type { RedisLink } from './redis-link.ts';
import { codeOf } from './reply-problem.ts';
import { closedError, shareLink, withinAttempts } from './shared-link.ts';
import { type Command, isErrorReply, type Reply, type Store } from './store.ts';
import type { LineTimes } from './subscriber-line.ts';
import { transaction, transactionReplies } from './transaction.ts';

export interface LinkedStoreOptions {
  /** Has to bound itself, and to stop when its signal fires. */
  readonly open: (closing: AbortSignal) => Promise<RedisLink>;
  readonly lineTimes: LineTimes;
  readonly clock: Clock;
}

/** A store on one connection at a time, to whichever Redis `open` finds. */
export function linkedStore({ open, lineTimes, clock }: LinkedStoreOptions): Store {
  const shared = shareLink(open);
  const { store, isClosed } = connectionStore({
    each: ask,
    together: async (commands, signal) => transactionReplies(await ask(transaction(commands), signal), commands.length),
    openLine: open,
    lineTimes,
    close: shared.close,
  });

  async function ask(commands: readonly Command[], signal: AbortSignal | undefined): Promise<readonly Reply[]> {
    const link = await withinAttempts(() => shared.attempt(signal), signal, clock);
    // Time has passed since these were last asked.
    if (isClosed()) throw closedError();
    if (signal?.aborted) throw abortedError(signal, false);
    if (!link.usable()) throw new StoreError('network', 'The connection closed', { mayHaveRun: false });
    const replies = await link.send(commands, signal);
    // It is a replica now. Where the primary is, by name or by what the sentinels say, the next request finds out.
    if (replies.some(isFromReplica)) link.retire();
    return replies;
  }

  return store;
}

function isFromReplica(reply: Reply): boolean {
  if (Array.isArray(reply)) return reply.some(isFromReplica);
  return isErrorReply(reply) && codeOf(reply.error) === 'READONLY';
}
