import { describe, expect, it } from 'vitest';
import { type RequestRules, treatmentOf } from '../../../lib/cache/http/request-rules.ts';
import { IDENTITY_HEADER } from '../../../lib/guard/identity.ts';

const treatment = (headers: Record<string, string> = {}, rules: RequestRules = {}, method = 'GET') =>
  treatmentOf(new Request('https://example.test/a', { method, headers }), rules);

describe('a request', () => {
  it('is answered for all who ask the same: a GET without anything else', () => {
    expect(treatment()).toBe('load');
    expect(treatment({ accept: '*/*', 'user-agent': 'x', 'if-none-match': '"a"' })).toBe('load');
  });

  it('is answered from what is stored, and leaves nothing: a HEAD', () => {
    expect(treatment({}, {}, 'HEAD')).toBe('read');
  });

  it.each(['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'QUERY'])('is none of ours: %s', (method) => {
    expect(treatment({}, {}, method)).toBe('pass');
  });

  it.each(['range', 'upgrade', 'if-match', 'if-unmodified-since'])('is for the handler alone with %s', (name) => {
    expect(treatment({ [name]: 'x' })).toBe('pass');
    expect(treatment({ [name]: 'x' }, {}, 'HEAD')).toBe('pass');
  });

  it.each(['authorization', 'proxy-authorization', 'cookie', 'x-api-key', IDENTITY_HEADER])(
    'that says by %s who asks goes to the handler, unless it is part of the key',
    (name) => {
      expect(treatment({ [name]: '' })).toBe('bypass');
      expect(treatment({ [name]: 'x' }, {}, 'HEAD')).toBe('bypass');
      expect(treatment({ [name]: 'x' }, { varyOn: [name.toUpperCase()] })).toBe('load');
      expect(treatment({ [name]: 'x' }, { varyOn: ['accept'] })).toBe('bypass');
    },
  );

  it('goes to the handler with what the options call a credential too', () => {
    expect(treatment({ 'x-session': 'a' })).toBe('load');
    expect(treatment({ 'x-session': 'a' }, { credentials: ['X-Session'] })).toBe('bypass');
    expect(treatment({ 'x-session': 'a' }, { credentials: ['X-Session'], varyOn: ['x-session'] })).toBe('load');
    expect(treatment({ cookie: 'a', 'x-session': 'a' }, { varyOn: ['x-session'] })).toBe('bypass');
  });

  it('goes to the handler where its key would be too long', () => {
    expect(treatment({ 'x-tenant': 'a'.repeat(2 ** 20) }, { varyOn: ['x-tenant'] })).toBe('bypass');
    const many = `https://example.test/?${'a&'.repeat(10_000)}`;
    expect(treatmentOf(new Request(many), {})).toBe('bypass');
  });

  it('that is not to be stored is not, and may be answered from what is', () => {
    expect(treatment({ 'cache-control': 'no-store' })).toBe('read');
    expect(treatment({ 'cache-control': 'max-age=0, No-Store' })).toBe('read');
  });

  it.each(['no-cache', 'max-age=0', 'only-if-cached', 'no-cache, only-if-cached'])(
    'has no say in it by default: Cache-Control: %s',
    (directive) => {
      expect(treatment({ 'cache-control': directive })).toBe('load');
    },
  );

  it('may ask for a new response where that is honoured', () => {
    const honouring = { honourRequestDirectives: true };
    for (const field of ['no-cache', 'max-age=0', 'no-cache="x"']) {
      expect(treatment({ 'cache-control': field }, honouring)).toBe('reload');
      expect(treatment({ 'cache-control': field }, honouring, 'HEAD')).toBe('read');
    }
    expect(treatment({ pragma: 'no-cache' }, honouring)).toBe('reload');
    expect(treatment({ pragma: 'no-cache', 'cache-control': 'max-age=60' }, honouring)).toBe('load');
    expect(treatment({ 'cache-control': 'max-age=1' }, honouring)).toBe('load');
    expect(treatment({ 'cache-control': 'no-cache, no-store' }, honouring)).toBe('bypass');
    expect(treatment({}, honouring)).toBe('load');
  });

  it('may ask for a stored response alone where that is honoured', () => {
    const honouring = { honourRequestDirectives: true };
    expect(treatment({ 'cache-control': 'only-if-cached' }, honouring)).toBe('only-if-cached');
    expect(treatment({ 'cache-control': 'only-if-cached' }, honouring, 'HEAD')).toBe('only-if-cached');
    expect(treatment({ 'cache-control': 'only-if-cached', cookie: 'a=1' }, honouring)).toBe('bypass');
  });

  it.each(['no-store"', 'no-cache;', `no-store${', a'.repeat(500_000)}`])(
    'does not get around the cache by what cannot be read',
    (field) => {
      expect(treatment({ 'cache-control': field })).toBe('load');
      expect(treatment({ 'cache-control': field }, { honourRequestDirectives: true })).toBe('load');
    },
  );
});
