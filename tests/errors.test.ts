import { describe, expect, it } from 'vitest';
import {
  CircuitOpenError,
  CommandError,
  ConfigError,
  DeadlineError,
  isKvError,
  isUnavailable,
  KvError,
  StoreError,
} from '../lib/errors.ts';

describe('the errors of the client', () => {
  it.each([
    [new CircuitOpenError(5), 'CIRCUIT_OPEN', 'CircuitOpenError', { retryAfterMs: 5 }, true],
    [new DeadlineError(5, true), 'DEADLINE', 'DeadlineError', { timeoutMs: 5, mayHaveRun: true }, true],
    [new StoreError('http', 'x', { status: 503 }), 'STORE', 'StoreError', { kind: 'http', status: 503 }, true],
    [new CommandError('WRONGTYPE', 'x'), 'COMMAND', 'CommandError', { replyCode: 'WRONGTYPE' }, false],
    [new ConfigError('KV_STORE', 'must be x'), 'CONFIG', 'ConfigError', { message: 'KV_STORE must be x' }, false],
  ] as const)('are of one family, each with a code that stays: %s', (error, code, name, rest, unavailable) => {
    expect(error).toBeInstanceOf(KvError);
    expect(error).toMatchObject({ code, name, ...rest });
    expect([isKvError(error), isUnavailable(error)]).toEqual([true, unavailable]);
  });

  it('keep their cause', () => {
    const cause = new Error('below');
    expect(new StoreError('network', 'x', { cause }).cause).toBe(cause);
    expect(new StoreError('network', 'x')).not.toHaveProperty('cause');
  });

  it('are told from others, also from those with a code', () => {
    for (const other of [new Error('x'), Object.assign(new Error('x'), { code: 'ECONNRESET' }), { code: 'STORE' }]) {
      expect([isKvError(other), isUnavailable(other)]).toEqual([false, false]);
    }
  });
});
