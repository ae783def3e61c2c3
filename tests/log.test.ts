import { afterEach, describe, expect, it, vi } from 'vitest';
import { CircuitOpenError, CommandError, ConfigError, DeadlineError, StoreError } from '../lib/errors.ts';
import type { BreakwaterEvent } from '../lib/events.ts';
import { createEventLog, logFailure, logLine, logMisconfiguration } from '../lib/log.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

function captured(method: 'warn' | 'error') {
  const lines: unknown[][] = [];
  vi.spyOn(console, method).mockImplementation((...args: unknown[]) => void lines.push(args));
  return lines;
}

describe('the line of an event', () => {
  const circuit = { type: 'circuit', at: 0, mode: 'AUTO', reason: undefined, openForMs: undefined } as const;
  it.each<[BreakwaterEvent, string]>([
    [
      { ...circuit, from: 'CLOSED', to: 'OPEN', reason: 'deadline', openForMs: 10_000 },
      '[KV Circuit Breaker] Circuit is OPEN (deadline; next probe in 10000 ms)',
    ],
    [{ ...circuit, from: 'OPEN', to: 'HALF_OPEN' }, '[KV Circuit Breaker] Circuit is HALF_OPEN'],
    [{ ...circuit, from: 'HALF_OPEN', to: 'CLOSED' }, '[KV Circuit Breaker] Circuit is CLOSED (recovered)'],
    [{ ...circuit, from: 'OPEN', to: 'CLOSED', reason: 'manual' }, '[KV Circuit Breaker] Circuit is CLOSED (manual)'],
    [
      { ...circuit, from: 'CLOSED', to: 'OPEN', mode: 'FORCED_OPEN', reason: 'manual' },
      '[KV Circuit Breaker] Circuit is OPEN (FORCED_OPEN until released)',
    ],
    [
      { ...circuit, from: 'CLOSED', to: 'CLOSED', mode: 'DISABLED', reason: 'manual' },
      '[KV Circuit Breaker] Circuit is CLOSED (DISABLED until released)',
    ],
    [
      { ...circuit, from: 'CLOSED', to: 'OPEN', reason: 'restored', openForMs: 12_345.6 },
      '[KV Circuit Breaker] Circuit is OPEN (restored; next probe in 12346 ms)',
    ],
    [
      { type: 'slow', at: 0, durationMs: 250.4, commands: 3, names: ['GET', 'SET'] },
      '[KV] Slow: 3 commands took 250 ms (GET SET)',
    ],
    [
      { type: 'plan', at: 0, resource: 'commands', used: 8_000, limit: 10_000, share: 0.8 },
      "[KV] This process has used 80 % of the plan's commands for today (8000 of 10000)",
    ],
    [
      { type: 'plan', at: 0, resource: 'bytes', used: 31_000_000, limit: 30_000_000, share: 1 },
      "[KV] Redis holds 100 % of the plan's bytes (31000000 of 30000000)",
    ],
    [{ type: 'config', at: 0, problem: 'NOAUTH' }, '[KV] Failed to authenticate or authorise: NOAUTH'],
    [
      { type: 'quota', at: 0 },
      '[KV] Failed to execute: the quota of the plan is used up, or the database is suspended',
    ],
    [
      { type: 'fallback', at: 0, feature: 'limit', reason: 'DEADLINE' },
      '[Rate Limit] KV unavailable for key [redacted], counting in this process (DEADLINE)',
    ],
    [{ type: 'recovered', at: 0, feature: 'limit' }, '[Rate Limit] KV is back, counting there again'],
    [
      { type: 'unreadable', at: 0, feature: 'keys', problem: 'version' },
      '[KV] Failed to read a record (keys): version',
    ],
    [
      { type: 'reported', at: 0, status: 429, code: 'quota-exceeded' },
      '[Guard] Report mode: let a request pass that would be answered 429 quota-exceeded',
    ],
  ])('%j', (event, line) => {
    expect(logLine(event)).toBe(line);
  });

  it.each<BreakwaterEvent>([
    { type: 'keys-lost', at: 0 },
    { type: 'client-unknown', at: 0 },
    { type: 'subscription', at: 0, state: 'lost', reason: 'network' },
    { type: 'subscription', at: 0, state: 'restored' },
  ])('is there for %j', (event) => {
    expect(logLine(event)).toMatch(/^\[(KV|Rate Limit|PubSub)\] \w/);
  });
});

describe('the log of events', () => {
  const written = () => {
    const lines: string[] = [];
    return { lines, log: createEventLog((line) => lines.push(line)) };
  };

  it('repeats what goes on happening once a minute, not before', () => {
    const { lines, log } = written();
    log({ type: 'quota', at: 1_000 });
    log({ type: 'quota', at: 60_999 });
    expect(lines).toHaveLength(1);
    log({ type: 'quota', at: 61_000 });
    expect(lines).toHaveLength(2);
    log({ type: 'quota', at: 61_001 });
    expect(lines).toHaveLength(2);
  });

  it('writes again after the clock was set back by a minute or more', () => {
    const { lines, log } = written();
    log({ type: 'quota', at: 3_600_000 });
    log({ type: 'quota', at: 3_540_001 });
    expect(lines).toHaveLength(1);
    log({ type: 'quota', at: 3_540_000 });
    expect(lines).toHaveLength(2);
  });

  it('writes every change, however fast they follow each other', () => {
    const { lines, log } = written();
    const change = {
      type: 'circuit',
      at: 0,
      mode: 'AUTO',
      from: 'CLOSED',
      to: 'OPEN',
      reason: 'network',
      openForMs: 1,
    } as const;
    for (let index = 0; index < 3; index += 1) {
      log(change);
      log({ type: 'fallback', at: 0, feature: 'limit', reason: 'DEADLINE' });
      log({ type: 'recovered', at: 0, feature: 'limit' });
    }
    expect(lines).toHaveLength(9);
  });

  it('lets one sort of trouble hide no other, nor that of one feature that of another', () => {
    const { lines, log } = written();
    log({ type: 'quota', at: 0 });
    log({ type: 'config', at: 0, problem: 'NOAUTH' });
    for (let index = 0; index < 3; index += 1) {
      log({ type: 'unreadable', at: 0, feature: 'limit', problem: 'type' });
      log({ type: 'unreadable', at: 0, feature: 'keys', problem: 'type' });
      log({ type: 'reported', at: 0, status: 401, code: 'api-key-missing' });
      log({ type: 'reported', at: 0, status: 401, code: 'api-key-invalid' });
    }
    expect(lines).toEqual([
      expect.stringContaining('quota'),
      '[KV] Failed to authenticate or authorise: NOAUTH',
      '[KV] Failed to read a record (limit): type',
      '[KV] Failed to read a record (keys): type',
      expect.stringContaining('401 api-key-missing'),
      expect.stringContaining('401 api-key-invalid'),
    ]);
  });

  it('goes to the console as a warning unless told otherwise', () => {
    const lines = captured('warn');
    createEventLog()({ type: 'recovered', at: 0, feature: 'limit' });
    expect(lines).toEqual([['[Rate Limit] KV is back, counting there again']]);
  });
});

describe('a failure', () => {
  it.each([
    [
      new StoreError('network', 'The endpoint could not be reached', { cause: new Error('secret') }),
      'STORE (The endpoint could not be reached)',
    ],
    [new DeadlineError(1_000, true), 'DEADLINE (No answer within 1000 ms)'],
    [new CommandError('ERR', 'Redis refused the command: ERR'), 'COMMAND (Redis refused the command: ERR)'],
    [new CircuitOpenError(5), 'CIRCUIT_OPEN (The circuit is open; the store was not asked)'],
    [new ConfigError('url', 'must be a URL'), 'url must be a URL'],
    [new TypeError('secret'), 'TypeError'],
    ['secret', 'unknown'],
    [undefined, 'unknown'],
    [{ code: 'STORE', message: 'secret' }, 'unknown'],
  ])('is one line that quotes nobody else', (error, text) => {
    const lines = captured('warn');
    logFailure('get', error);
    expect(lines).toEqual([[`[KV] Failed to get: ${text}`]]);
  });

  it('to be configured is an error', () => {
    const lines = captured('error');
    logMisconfiguration(new ConfigError('KV_STORE', 'must be memory, upstash or redis'));
    logMisconfiguration(new Error('secret'));
    expect(lines).toEqual([
      ['[Breakwater] Not configured: KV_STORE must be memory, upstash or redis'],
      ['[Breakwater] Not configured: Error'],
    ]);
  });
});
