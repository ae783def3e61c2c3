import { StoreError } from '../errors.ts';
import { type Command, isErrorReply, type Reply } from './store.ts';

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
  const refusal = [begun, ended].find(isErrorReply);
  if (refusal === undefined) throw new StoreError('protocol', 'EXEC did not answer every command');
  return Array.from({ length: count }, () => refusal);
}
