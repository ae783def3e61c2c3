import { StoreError } from '../errors.ts';
import { BECAUSE, problemOf } from './reply-problem.ts';
import { type Command, type ErrorReply, isErrorReply, type Reply } from './store.ts';

/** What a connection that is shared answers when it cannot take one of the commands: what Redis says in that case. */
export function discarded(commands: readonly Command[]): readonly Reply[] {
  return commands.map(() => ({ error: 'EXECABORT Transaction discarded because of previous errors.' }));
}

export function transaction(commands: readonly Command[]): readonly Command[] {
  return [['MULTI'], ...commands, ['EXEC']];
}

/** EXEC's array, or the one reason why there is none in place of each reply. */
export function transactionReplies(replies: readonly Reply[], count: number): readonly Reply[] {
  const begun = replies[0] ?? null;
  const ended = replies.at(-1) ?? null;
  if (Array.isArray(ended) && ended.length === count) return ended;
  const refusal = isErrorReply(begun) ? begun : isErrorReply(ended) ? withCause(ended, replies) : undefined;
  if (refusal === undefined) throw new StoreError('protocol', 'EXEC did not answer every command');
  return Array.from({ length: count }, () => refusal);
}

/**
 * EXEC says only that a command before it was refused. Where that was for want of memory, say, the reason is put behind,
 * in the form in which Redis tells it when it is EXEC itself that is refused. An outage goes before a denial.
 */
function withCause(ended: ErrorReply, replies: readonly Reply[]): ErrorReply {
  const problems = replies.filter(isErrorReply).filter(({ error }) => problemOf(error) !== undefined);
  const cause = problems.find(({ error }) => problemOf(error) !== 'auth') ?? problems[0];
  return cause === undefined || cause === ended ? ended : { error: `${BECAUSE}${cause.error}` };
}
