import { describe, expect, it } from 'vitest';
import { GET } from '../../api/health.ts';
import { useDefaultEnvironment } from '../support/default-environment.ts';

const health = async (circuit?: string) => {
  const headers: Record<string, string> = circuit === undefined ? {} : { 'x-breakwater-circuit': circuit };
  return (await GET(new Request('https://example.test/api/health', { headers }))).json();
};

describe('the health endpoint', () => {
  useDefaultEnvironment({ KV_STORE: 'memory' });

  it("shows the handlers' circuit alone where no middleware runs", async () => {
    expect(await health()).toMatchObject({
      status: 'ok',
      middleware: null,
      handler: { state: 'CLOSED', isHealthy: true },
    });
  });

  it("is degraded while the middleware's circuit is not closed", async () => {
    expect(await health('{"state":"OPEN"}')).toMatchObject({
      status: 'degraded',
      middleware: { state: 'OPEN', isHealthy: false },
    });
    expect(await health('{"state":"HALF_OPEN"}')).toMatchObject({
      status: 'degraded',
      middleware: { isHealthy: true },
    });
  });

  it('answers whatever stands in the header', async () => {
    for (const circuit of ['', '{', 'null', '"x"', '[]', '{}']) {
      expect(await health(circuit)).toMatchObject({ middleware: null, handler: { state: 'CLOSED' } });
    }
  });
});
