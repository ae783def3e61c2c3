import * as otel from '@opentelemetry/api';
import { expect, it } from 'vitest';
import { openTelemetry } from '../../lib/client/opentelemetry.ts';
import { defineScript, runScript } from '../../lib/client/script.ts';
import { StoreError } from '../../lib/errors.ts';
import type { Reply } from '../../lib/store/store.ts';
import { startSdk } from '../support/opentelemetry-sdk.ts';
import { scriptedClient } from '../support/scripted-client.ts';

/** In the letters of which names and codes are made, so that no rule about letters lets them through or stops them by luck. */
const CANARIES = ['CANARYKEY', 'CANARYVALUE', 'CANARYLUA', 'CANARYREPLY', 'CANARYCAUSE', 'CANARYREASON', 'CANARYSPACE'];

it('no key, value, script, reply, cause, reason or namespace is in any span or metric', async () => {
  const sdk = startSdk();
  const { kv, store, clock, trip } = scriptedClient({ telemetry: openTelemetry(otel), namespace: 'CANARYSPACE' });
  const attempt = async (replies: readonly Reply[] | Error, work: () => Promise<unknown>) => {
    store.respond(() => replies);
    await work().catch(() => {});
  };
  const script = defineScript({ name: 'CANARYLUA', lua: 'return "CANARYLUA"', memory: () => null });
  const replies: Reply[] = [
    'CANARYREPLY',
    ['CANARYREPLY', { error: 'CANARYREPLY' }],
    { error: 'CANARYREPLY' },
    { error: 'CANARYREPLY with CANARYVALUE' },
    { error: "ERR unknown command 'CANARYVALUE'" },
    { error: 'NOSCRIPT CANARYKEY' },
    { error: 'LOADING CANARYVALUE' },
  ];
  for (const reply of replies) {
    await attempt([reply], () => kv.get('CANARYKEY'));
    await attempt([reply], () => kv.set('CANARYKEY', 'CANARYVALUE', { ttlMs: 1 }));
    await attempt([reply], () => runScript(kv, { script, keys: ['CANARYKEY'], args: ['CANARYVALUE'] }));
    await attempt([reply, reply], () => kv.incr('CANARYKEY', 1));
    await attempt([reply], () => kv.execute([['HSET', 'CANARYKEY', 'CANARYVALUE', 1]], { atomic: true }));
    await attempt([reply], () => kv.command(['CANARYKEY:1', 'CANARYVALUE']));
    kv.circuit.reset();
  }
  const cause = new Error('CANARYCAUSE');
  await attempt(new StoreError('http', 'CANARYCAUSE', { cause, status: 500 }), () => kv.get('CANARYKEY'));
  await attempt(cause, () => kv.get('CANARYKEY'));
  store.respond(undefined);
  const controller = new AbortController();
  const calls = [kv.get('CANARYKEY', { signal: controller.signal }), kv.set('CANARYKEY', 'CANARYVALUE')];
  const settled = Promise.allSettled(calls);
  controller.abort(new Error('CANARYREASON'));
  await clock.run(1_000);
  await settled;
  await trip();
  await attempt([], () => kv.get('CANARYKEY'));

  const spans = sdk.spans().map(({ name, attributes, status, events, links, resource, instrumentationScope }) => ({
    ...{ name, attributes, status, events, links, resource: resource.attributes, instrumentationScope },
  }));
  const exported = JSON.stringify([spans, await sdk.metrics()]);
  sdk.stop();
  expect(spans.length).toBeGreaterThan(50);
  expect(exported).toContain('db.client.operation.duration');
  for (const canary of CANARIES) expect(exported.toUpperCase()).not.toContain(canary);
});
