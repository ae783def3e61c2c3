import { describe, expect, it } from 'vitest';
import { Failure, toFailure } from '../../cli/failure.ts';
import { CircuitOpenError, CommandError, ConfigError, DeadlineError, StoreError } from '../../lib/errors.ts';

const MAYBE = '; it may have been done all the same: look before you do it again';

describe('what is said of an error', () => {
  const cases: readonly (readonly [error: unknown, status: number, said: string, maybe: boolean])[] = [
    [new Failure(3, 'There is no such key'), 3, 'There is no such key', false],
    [new ConfigError('REDIS_URL', 'must be one'), 2, 'REDIS_URL must be one', false],
    [
      new ConfigError('url', 'names a database that is not there'),
      2,
      'REDIS_URL names a database that is not there',
      false,
    ],
    [new ConfigError('expiresAt', 'must be it'), 2, '--expires-in must be it', false],
    [new ConfigError('limits', 'must be them'), 2, '--limit must be them', false],
    [new ConfigError('limits.key', 'must be it'), 2, '--limit key must be it', false],
    [new DeadlineError(5, true), 1, 'Redis did not answer: No answer within 5 ms', true],
    [new DeadlineError(5, false), 1, 'Redis did not answer: No answer within 5 ms', false],
    [new CircuitOpenError(5), 1, 'Redis did not serve: The circuit is open; the store was not asked', false],
    [new CommandError('ERR', 'Redis refused it'), 1, 'Redis did not serve: Redis refused it', false],
    [new StoreError('network', 'It is gone'), 1, 'Redis did not serve (network): It is gone', true],
    [new StoreError('network', 'Gone', { mayHaveRun: false }), 1, 'Redis did not serve (network): Gone', false],
    // Redis has answered, and has not done it.
    [new StoreError('quota', 'Used up'), 1, 'Redis did not serve (quota): Used up', false],
    [new StoreError('local', 'It is being changed'), 1, 'Failed: It is being changed', false],
    [new TypeError('of bw_live_secret'), 1, 'Failed: TypeError', false],
    ['bw_live_secret', 1, 'Failed: unknown', false],
  ];

  it.each(cases)('%s', (error, status, said, maybe) => {
    expect(toFailure(error, { stopped: false })).toMatchObject({ status, message: said });
    const ofChange = toFailure(error, { changes: true, stopped: false });
    expect(ofChange).toMatchObject({ status, message: maybe ? said + MAYBE : said });
  });

  it('is that it was stopped, when it was', () => {
    const closed = new StoreError('local', 'The client is closed', { mayHaveRun: false });
    expect(toFailure(closed, { changes: true, stopped: true }).message).toBe('Stopped');
    const cut = new StoreError('network', 'The connection closed');
    expect(toFailure(cut, { changes: true, stopped: true }).message).toBe(`Stopped${MAYBE}`);
    expect(toFailure(cut, { changes: false, stopped: true }).message).toBe('Stopped');
    expect(toFailure(new Failure(3, 'There is no such key'), { stopped: true }).status).toBe(3);
  });
});
