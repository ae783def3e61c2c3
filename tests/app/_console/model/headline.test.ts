import { describe, expect, it } from 'vitest';
import { rowsAfter } from '../../../../app/_console/model/accounts.ts';
import { headline } from '../../../../app/_console/model/headline.ts';
import type { BusyAccount } from '../../../../lib/guard/metrics/snapshot.ts';
import type { CircuitSnapshot } from '../../../../lib/resilience/circuit.ts';
import { account, CLOSED, look, openedAt, STARTED_AT } from '../../../support/looks.ts';

const AT = STARTED_AT + 3_000;
const said = (circuit: CircuitSnapshot, busiest: readonly BusyAccount[] = []) =>
  headline(look(AT, { circuit, busiest }), rowsAfter([], busiest, AT));

describe('how it stands, in a sentence', () => {
  it('says during an outage what goes on, for whom, and when Redis is asked again', () => {
    const busiest = [account('key_a'), account('key_b'), account('key_c', { retryAfterMs: 60_000 })];
    expect(said(openedAt(STARTED_AT), busiest)).toBe(
      'Redis is not answering. Limits are counted locally; 2 of 3 known keys pass from cache. Next probe in 7 s.',
    );
  });

  it('counts one key in the singular', () => {
    expect(said(openedAt(STARTED_AT), [account('key_a')])).toContain('; 1 of 1 known key passes from cache.');
  });

  it('speaks of the busiest keys where there may be more than it sees', () => {
    const keys = Array.from({ length: 9 }, (_, at) => account(`key_${at}`));
    expect(said(openedAt(STARTED_AT), keys)).toContain('; 8 of the busiest 8 known keys pass from cache.');
    expect(said(openedAt(STARTED_AT), keys.slice(0, 7))).toContain('; 7 of 7 known keys pass from cache.');
  });

  it('says nothing of keys where none has asked since it opened', () => {
    const before = [account('key_a', { at: STARTED_AT - 1 })];
    expect(said(openedAt(STARTED_AT), before)).toBe(
      'Redis is not answering. Limits are counted locally. Next probe in 7 s.',
    );
  });

  it('says that somebody forced it', () => {
    expect(said({ ...openedAt(STARTED_AT), mode: 'FORCED_OPEN', openForMs: undefined })).toBe(
      'Redis is not asked: the circuit is forced open. Limits are counted locally. No probe until somebody releases it.',
    );
    expect(said({ ...CLOSED, mode: 'DISABLED' })).toMatch(/^The circuit breaker is switched off by hand/);
  });

  it('says that the next request is a probe once the open time is over', () => {
    expect(said(openedAt(STARTED_AT - 7_000))).toBe(
      'Redis was not answering. The next request that needs it is sent as a probe.',
    );
    expect(said({ ...CLOSED, state: 'HALF_OPEN', probeSuccesses: 1 })).toBe(
      'Redis may be back: 1 probe came back well. One that fails opens the circuit again.',
    );
  });

  it('says of failures before the circuit opens', () => {
    expect(said({ ...CLOSED, consecutiveFailures: 3 })).toBe(
      'Redis did not answer the last 3 requests. A few more, and the circuit opens.',
    );
  });

  it('does not say that Redis is answering where nobody has asked it', () => {
    expect(said(CLOSED)).toMatch(/^Redis has not been asked yet\./);
    const away = look(AT, { requests: { success: 9 } }, { outage: 'kill', keys: [] });
    expect(headline(away, [])).toBe('The demo has taken Redis away, and no request has noticed yet.');
  });

  it('says where limits are counted when all is well', () => {
    expect(headline(look(AT, { requests: { success: 1 } }), [])).toMatch(/^Redis is answering\./);
    const memory = { ...look(AT), store: { kind: 'memory', namespace: null, host: null } as const };
    expect(headline(memory, [])).toMatch(/^No Redis is configured\./);
  });
});
