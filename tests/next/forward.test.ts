import { describe, expect, it } from 'vitest';
import { IDENTITY_HEADER } from '../../lib/guard/identity.ts';
import { METRICS_HEADER } from '../../lib/guard/metrics/sealed-snapshot.ts';
import { CIRCUIT_HEADER, forward } from '../../lib/next/forward.ts';

const request = (headers: Record<string, string> = {}) => new Request('https://example.test/api/echo', { headers });
const headersOf = (response: Response) => Object.fromEntries(response.headers);

describe('letting a request through', () => {
  it('says so to Next and adds what every answer says, where no request header changes', () => {
    const response = forward(request({ accept: '*/*', cookie: 'a=1' }), new Map(), [['ratelimit', '"ip";r=1;t=2']]);
    expect(headersOf(response)).toEqual({ 'x-middleware-next': '1', ratelimit: '"ip";r=1;t=2' });
    expect(response.body).toBeNull();
    expect(response.status).toBe(200);
  });

  it('lists every request header for Next, which deletes the others, and sets ours', () => {
    const response = forward(
      request({ accept: '*/*', cookie: 'a=1; b=2', 'x-api-key': 'k' }),
      new Map([[IDENTITY_HEADER, 'sealed']]),
      [],
    );
    expect(headersOf(response)).toEqual({
      'x-middleware-next': '1',
      'x-middleware-override-headers': 'accept,cookie,x-api-key,x-breakwater-identity',
      'x-middleware-request-accept': '*/*',
      'x-middleware-request-cookie': 'a=1; b=2',
      'x-middleware-request-x-api-key': 'k',
      'x-middleware-request-x-breakwater-identity': 'sealed',
    });
  });

  it.each([IDENTITY_HEADER, CIRCUIT_HEADER, METRICS_HEADER, 'X-Breakwater-IDENTITY'])(
    'deletes %s when a client has sent it',
    (name) => {
      const response = forward(request({ [name]: 'forged', accept: '*/*' }), new Map(), []);
      expect(headersOf(response)).toEqual({
        'x-middleware-next': '1',
        'x-middleware-override-headers': 'accept',
        'x-middleware-request-accept': '*/*',
      });
    },
  );

  it('replaces a forged header by ours and deletes the other', () => {
    const forged = request({ [IDENTITY_HEADER]: 'forged', [CIRCUIT_HEADER]: 'forged' });
    const response = forward(forged, new Map([[IDENTITY_HEADER, 'sealed']]), []);
    expect(headersOf(response)).toEqual({
      'x-middleware-next': '1',
      'x-middleware-override-headers': IDENTITY_HEADER,
      [`x-middleware-request-${IDENTITY_HEADER}`]: 'sealed',
    });
  });

  it('empties the identity when nothing else came in: Next would take an empty list for no list', () => {
    expect(headersOf(forward(request({ [IDENTITY_HEADER]: 'forged' }), new Map(), []))).toEqual({
      'x-middleware-next': '1',
      'x-middleware-override-headers': IDENTITY_HEADER,
      [`x-middleware-request-${IDENTITY_HEADER}`]: '',
    });
  });

  it('passes on what a client sends under the names of Next as mere request headers', () => {
    const response = forward(
      request({ 'x-middleware-override-headers': 'evil', 'x-middleware-request-x': 'y' }),
      new Map([[CIRCUIT_HEADER, '{}']]),
      [],
    );
    expect(response.headers.get('x-middleware-override-headers')?.split(',')).toEqual([
      'x-middleware-override-headers',
      'x-middleware-request-x',
      CIRCUIT_HEADER,
    ]);
    expect(response.headers.has('x-middleware-request-x')).toBe(false);
  });

  it('keeps the bytes of header values', () => {
    const response = forward(request({ 'x-text': '\u00e9\u00ff, a' }), new Map([[CIRCUIT_HEADER, '{}']]), []);
    expect(response.headers.get('x-middleware-request-x-text')).toBe('\u00e9\u00ff, a');
  });
});
