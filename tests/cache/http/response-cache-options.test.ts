import { describe, expect, it } from 'vitest';
import type { Cache } from '../../../lib/cache/cache-options.ts';
import {
  compileResponseCacheOptions,
  type ResponseCacheOptions,
} from '../../../lib/cache/http/response-cache-options.ts';
import type { StoredResponse } from '../../../lib/cache/http/stored-response.ts';

const cache = { namespace: 'pages' } as unknown as Cache<StoredResponse>;
const compile = (options: Omit<ResponseCacheOptions, 'cache'> = {}) =>
  compileResponseCacheOptions({ cache, ...options });

describe('the options of a response cache', () => {
  it('have defaults, also where they are undefined', () => {
    const defaults = {
      ttlMs: 0,
      maxTtlMs: 86_400_000,
      negativeTtlMs: 0,
      maxBodyBytes: 1_048_576,
      bodyTimeoutMs: 2_000,
      varyOn: [],
      credentials: [],
      statusHeaders: ['cache-status'],
      cacheName: 'breakwater',
    };
    expect(compile()).toMatchObject(defaults);
    const unset = Object.fromEntries(Object.keys(defaults).map((name) => [name, undefined]));
    expect(compile(unset)).toMatchObject(defaults);
  });

  it.each([
    ['ttlMs', -1],
    ['ttlMs', 1.5],
    ['maxTtlMs', Number.NaN],
    ['maxTtlMs', 31_536_000_001],
    ['negativeTtlMs', Number.POSITIVE_INFINITY],
    ['maxBodyBytes', -1],
    ['bodyTimeoutMs', 0],
    ['bodyTimeoutMs', 2 ** 31],
    ['bodyTimeoutMs', Number.NaN],
    ['varyOn', ['accept language']],
    ['varyOn', ['']],
    ['credentials', ['x:y']],
    ['statusHeaders', ['x-status']],
    ['cacheName', ''],
    ['cacheName', 'my cache'],
    ['cacheName', '1st'],
    ['cacheName', 'a;b'],
  ])('are refused by name where they are wrong: %s of %j', (option, value) => {
    expect(() => compile({ [option]: value })).toThrow(
      expect.objectContaining({ code: 'CONFIG', setting: option, message: expect.stringContaining('must be') }),
    );
  });

  it('do not let the platform refuse what it is told of', () => {
    const { waitUntil } = compile({
      waitUntil: () => {
        throw new Error('outside a request');
      },
    });
    expect(() => waitUntil(Promise.resolve())).not.toThrow();
  });

  it.each([
    ['ttlMs', 0],
    ['maxTtlMs', 31_536_000_000],
    ['maxBodyBytes', 0],
    ['bodyTimeoutMs', 1],
    ['bodyTimeoutMs', 2 ** 31 - 1],
    ['varyOn', ['Accept-Language', 'x_tenant']],
    ['statusHeaders', []],
    ['cacheName', 'edge/1:2'],
  ])('may be as odd as %s of %j', (option, value) => {
    expect(compile({ [option]: value })).toHaveProperty(option, value);
  });
});
