import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as otel from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
import { BasicTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { projectRoot } from './edge-bundle.mjs';

/**
 * Nanoseconds that one command costs without telemetry, with what the default client has while no SDK is registered, with
 * the API alone, and with an SDK that keeps nothing. The store answers at once, so that nothing but this client is
 * measured; the rounds of all four are interleaved, and the fastest of each counts.
 *
 * @param {import('./run.mjs').BenchOptions} options
 */
export async function run({ quick, results }) {
  const { createKv } = await import(join(projectRoot, 'dist/lib/client/kv-client.js'));
  const { openTelemetry, registeredOpenTelemetry } = await import(
    join(projectRoot, 'dist/lib/client/opentelemetry.js')
  );
  const store = { kind: 'redis', execute: async (commands) => commands.map(() => 'OK'), close: async () => {} };
  const cases = [
    ['off', { telemetry: undefined }],
    ['no SDK is registered', { telemetry: registeredOpenTelemetry() }],
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
  await writeFile(join(results, 'telemetry.json'), `${JSON.stringify(rows, null, 2)}\n`);
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
