import { ConfigError } from '../../errors.ts';
import { type Family, RUNTIME_FAMILIES, type Sample, STORE_FAMILIES } from './metric-families.ts';
import type { MetricsSnapshot } from './snapshot.ts';
import type { StoreReport } from './store-report.ts';

/** What one runtime has counted, and what to call it. */
export interface RuntimeMetrics {
  /** The label `runtime` of all its series: `middleware`, `handler`. */
  readonly runtime: string;
  readonly snapshot: MetricsSnapshot;
}

/** In which form metrics are told, and what beside them. */
export interface PrometheusOptions {
  /** What Redis says of itself. @default nothing */
  readonly store?: StoreReport | undefined;
  /** Text format 0.0.4, or OpenMetrics 1.0. The series are the same. @default 'text' */
  readonly format?: 'text' | 'openmetrics' | undefined;
}

/** What to put in `content-type`, by the format. */
export const PROMETHEUS_TYPES: Readonly<Record<'text' | 'openmetrics', string>> = {
  text: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
};

/**
 * What was counted, for Prometheus to scrape: see docs/metrics.md for each metric. What nobody knows is left out.
 *
 * @throws ConfigError for two runtimes of one name
 * @example
 * ```ts
 * new Response(prometheusText([{ runtime: 'handler', snapshot: getMetrics() }]), {
 *   headers: { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' },
 * });
 * ```
 */
export function prometheusText(
  runtimes: readonly RuntimeMetrics[],
  { store, format = 'text' }: PrometheusOptions = {},
): string {
  if (new Set(runtimes.map(({ runtime }) => runtime)).size < runtimes.length) {
    throw new ConfigError('runtimes', 'must each have a name of their own');
  }
  const families = [
    ...RUNTIME_FAMILIES.map((family) => familyText(family, format, runtimes.flatMap(samplesOf(family)))),
    ...STORE_FAMILIES.map((family) => familyText(family, format, store ? family.read(store) : [])),
  ];
  return families.join('') + (format === 'openmetrics' ? '# EOF\n' : '');
}

function samplesOf({ read }: Family<MetricsSnapshot>) {
  return ({ runtime, snapshot }: RuntimeMetrics): readonly Sample[] =>
    read(snapshot).map((sample) => ({ ...sample, labels: { runtime, ...sample.labels } }));
}

function familyText(
  { name, type, help }: Pick<Family<never>, 'name' | 'type' | 'help'>,
  format: 'text' | 'openmetrics',
  samples: readonly Sample[],
): string {
  const known = samples.filter(({ value }) => value !== undefined);
  if (known.length === 0) return '';
  const total = type === 'counter' ? '_total' : '';
  // OpenMetrics describes a counter without its suffix.
  const described = format === 'openmetrics' ? name : `${name}${total}`;
  const lines = known.map(({ labels, value, suffix = total }) => `${name}${suffix}${labelsText(labels)} ${value}\n`);
  return `# HELP ${described} ${help}\n# TYPE ${described} ${type}\n${lines.join('')}`;
}

function labelsText(labels: Sample['labels']): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
