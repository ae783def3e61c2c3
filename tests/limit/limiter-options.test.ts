import { describe, expect, it } from 'vitest';
import { createKv } from '../../lib/client/kv-client.ts';
import { createLimiter, type LimiterOptions } from '../../lib/limit/limiter.ts';
import { resolveLimiterOptions } from '../../lib/limit/limiter-options.ts';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';

const given = (options: object = {}) => ({ kv: createKv({ store: memoryStore() }), policies: [], ...options });

describe('the options of a limiter', () => {
  it('have the defaults that are documented', () => {
    expect(resolveLimiterOptions(given())).toMatchObject({
      onUnavailable: 'local',
      expectedProcesses: 1,
      localOnly: false,
      maxLocalKeys: 100_000,
      refusalTtlMs: 1_000,
      prefetch: false,
    });
  });

  it.each([
    ['expectedProcesses', 0],
    ['expectedProcesses', 1.5],
    ['maxLocalKeys', 0],
    ['maxLocalKeys', Number.POSITIVE_INFINITY],
    ['refusalTtlMs', -1],
    ['refusalTtlMs', Number.NaN],
    ['onUnavailable', 'open'],
  ])('are refused with the name of what is wrong: %s of %s', (option, value) => {
    const options: LimiterOptions = given({ [option]: value });
    expect(() => createLimiter(options)).toThrow(expect.objectContaining({ code: 'CONFIG', setting: option }));
  });
});
