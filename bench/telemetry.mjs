import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import * as otel from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
import { BasicTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { projectRoot } from './edge-bundle.mjs';
import { median } from './limiting/load.mjs';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc');
const load = (path) => import(join(projectRoot, 'dist/lib', path));

/**
 * Nanoseconds that one command costs without telemetry, looking for an SDK that is not registered, with the meter beside that
 * as on the default client, with the API alone, and with an SDK that keeps nothing; and nanoseconds and bytes of a decision
 * without telemetry and as on the default client. The store answers at once, so that nothing but this client is
 * measured; the rounds of all four are interleaved, and the fastest of each counts.
 *
 * @param {import('./run.mjs').BenchOptions} options
 */
export async function run({ quick, results }) {
  const { createKv } = await load('client/kv-client.js');
  const { openTelemetry, registeredOpenTelemetry } = await load('client/opentelemetry.js');
  const { createMeter } = await load('guard/metrics/meter.js');
  const usual = () => [createMeter(), registeredOpenTelemetry()];
  const store = { kind: 'redis', execute: async (commands) => commands.map(() => 'OK'), close: async () => {} };
  const cases = [
    ['off', { telemetry: undefined }],
    ['no SDK is registered', { telemetry: registeredOpenTelemetry() }],
    ['the default client', { telemetry: usual() }],
    ['API without SDK', { telemetry: openTelemetry(otel) }],
    ['API with SDK', { telemetry: openTelemetry(otel), sdk: true }],
  ].map(([name, { telemetry, sdk = false }]) => ({ name, sdk, kv: createKv({ store, telemetry }), fastest: Infinity }));
  const calls = quick ? 20_000 : 100_000;
  for (let round = 0; round < 12; round += 1) {
    for (const measured of cases) {
      if (measured.sdk) startSdk();
      const startedAt = performance.now();
      for (let call = 0; call < calls; call += 1) await measured.kv.command(['INCR', 'key']);
      const ns = ((performance.now() - startedAt) * 1_000_000) / calls;
      if (measured.sdk) stopSdk();
      // The first rounds are the compiler's.
      if (round >= 2) measured.fastest = Math.min(measured.fastest, ns);
    }
  }
  const rows = cases.map(({ name, fastest }) => ({ name, ns: Math.round(fastest) }));
  for (const { name, ns } of rows) console.log(`${name.padEnd(24)}${String(ns).padStart(8)} ns per command`);
  const decisions = await decisionsWith({ off: undefined, 'the default client': usual() }, quick);
  for (const { name, ns, bytes } of decisions) {
    console.log(`${name.padEnd(24)}${String(ns).padStart(8)} ns, ${bytes.toLocaleString('en')} bytes per decision`);
  }
  await writeFile(join(results, 'telemetry.json'), `${JSON.stringify({ commands: rows, decisions }, null, 2)}\n`);
}

/** A valid key and two limits whose permits are held in the process: the cheapest decision that there is. */
async function decisionsWith(telemetries, quick) {
  const cases = [];
  for (const [name, telemetry] of Object.entries(telemetries)) {
    cases.push({ name, check: await guarded(telemetry), ns: [], bytes: [] });
  }
  const calls = quick ? 1_000 : 4_000;
  for (let round = 0; round < 12; round += 1) {
    for (const { check, ns, bytes } of cases) {
      const startedAt = performance.now();
      for (let call = 0; call < calls; call += 1) await check();
      const took = ((performance.now() - startedAt) * 1_000_000) / calls;
      collect();
      const before = process.memoryUsage().heapUsed;
      // So few that nothing is collected meanwhile.
      for (let call = 0; call < 200; call += 1) await check();
      const left = (process.memoryUsage().heapUsed - before) / 200;
      if (round < 2) continue;
      ns.push(took);
      bytes.push(left);
    }
  }
  return cases.map(({ name, ns, bytes }) => ({
    ...{ name, ns: Math.round(Math.min(...ns)), bytes: Math.round(median(bytes)) },
  }));
}

async function guarded(telemetry) {
  const [{ createKv }, { createApiKeys }, { createLimiter }, { createGuard }, { memoryStore }] = await Promise.all([
    ...['client/kv-client.js', 'keys/api-keys.js', 'limit/limiter.js', 'guard/guard.js'].map(load),
    load('store/memory/memory-store.js'),
  ]);
  const kv = createKv({ store: memoryStore(), telemetry, slowMs: false });
  const keys = createApiKeys({ kv });
  const quota = { limit: 10_000_000, windowMs: 60_000, maxOverAdmission: 0.05 };
  const limiter = createLimiter({ kv, policies: ['ip', 'key'].map((name) => ({ name, ...quota })) });
  const guard = createGuard({
    ...{ kv, keys, limiter },
    routes: [{ path: '/api/*', limits: { ip: 'ip', key: 'key' } }],
    clientIp: () => '192.0.2.1',
  });
  const { key } = await keys.create({ owner: 'bench' });
  const request = new Request('https://app.example.com/api/whoami', { headers: { 'x-api-key': key } });
  return async () => {
    const { outcome } = await guard.check(request);
    if (outcome !== 'allow') throw new Error('Refused');
  };
}

function startSdk() {
  const exporter = { export: (_spans, done) => done({ code: 0 }), shutdown: async () => {} };
  otel.context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  otel.trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }));
  otel.metrics.setGlobalMeterProvider(new MeterProvider({ readers: [new SilentReader()] }));
}

function stopSdk() {
  for (const part of [otel.context, otel.trace, otel.metrics]) part.disable();
}

class SilentReader extends MetricReader {
  async onForceFlush() {}
  async onShutdown() {}
}
