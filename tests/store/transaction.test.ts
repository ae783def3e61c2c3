import { describe, expect, it } from 'vitest';
import { transactionReplies } from '../../lib/store/transaction.ts';

const QUEUED = 'QUEUED';
const EXECABORT = { error: 'EXECABORT Transaction discarded because of previous errors.' };
const OOM = { error: "OOM command not allowed when used memory > 'maxmemory'." };
const NOPERM = { error: "NOPERM this user has no permissions to run the 'set' command" };
const ARITY = { error: "ERR wrong number of arguments for 'set' command" };

describe('the replies of a transaction', () => {
  it('are what EXEC answers', () => {
    expect(transactionReplies(['OK', QUEUED, QUEUED, ['OK', OOM]], 2)).toEqual(['OK', OOM]);
  });

  it('are the reason, for each, where Redis could not serve one of the commands', () => {
    const because = { error: `EXECABORT Transaction discarded because of: ${OOM.error}` };
    expect(transactionReplies(['OK', QUEUED, OOM, EXECABORT], 2)).toEqual([because, because]);
    expect(transactionReplies(['OK', ARITY, NOPERM, OOM, EXECABORT], 3)).toEqual([because, because, because]);
  });

  it('are the reason where one of the commands was not allowed', () => {
    const because = { error: `EXECABORT Transaction discarded because of: ${NOPERM.error}` };
    expect(transactionReplies(['OK', ARITY, NOPERM, EXECABORT], 2)).toEqual([because, because]);
  });

  it('are the words of Redis where one of the commands was wrong, or EXEC itself was refused', () => {
    expect(transactionReplies(['OK', ARITY, QUEUED, EXECABORT], 2)).toEqual([EXECABORT, EXECABORT]);
    const because = { error: `EXECABORT Transaction discarded because of: ${OOM.error}` };
    expect(transactionReplies(['OK', QUEUED, because], 1)).toEqual([because]);
  });

  it('are what MULTI was refused with, whatever became of the rest', () => {
    expect(transactionReplies([NOPERM, 'OK', { error: 'ERR EXEC without MULTI' }], 1)).toEqual([NOPERM]);
  });

  it('are none where EXEC has not answered every command', () => {
    for (const replies of [[], ['OK', QUEUED, ['OK', 'OK']], ['OK', QUEUED, null]]) {
      expect(() => transactionReplies(replies, 1)).toThrow(expect.objectContaining({ kind: 'protocol' }));
    }
  });
});
