import * as otel from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';

/** A point of a metric: a sum's value, or a histogram's. */
export interface Point {
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly value: unknown;
}

/** Registers the real SDK as an application does, and keeps what it would export. */
export function startSdk() {
  const exporter = new InMemorySpanExporter();
  const reader = new PullReader();
  otel.context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  otel.trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }));
  otel.metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }));

  const metrics = async () => (await reader.collect()).resourceMetrics.scopeMetrics.flatMap((scope) => scope.metrics);
  return {
    /** Ended spans, in the order of their ends. */
    spans: (): readonly ReadableSpan[] => exporter.getFinishedSpans(),
    metrics,
    /** The points of one metric; none while nothing was measured. */
    async points(name: string): Promise<readonly Point[]> {
      const found = (await metrics()).find(({ descriptor }) => descriptor.name === name);
      return (found?.dataPoints ?? []).map(({ attributes, value }) => ({ attributes, value }));
    },
    stop() {
      otel.trace.disable();
      otel.metrics.disable();
      otel.context.disable();
    },
  };
}

/** The parts of a span that say something about Redis. */
export function told({ name, kind, attributes, status, events }: ReadableSpan) {
  return { name, kind, attributes, status, events };
}

class PullReader extends MetricReader {
  protected override async onForceFlush(): Promise<void> {}
  protected override async onShutdown(): Promise<void> {}
}
