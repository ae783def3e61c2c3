import { describe, expect, it } from 'vitest';
import { createKv } from '../../../lib/client/kv-client.ts';
import { createMeter } from '../../../lib/guard/metrics/meter.ts';
import { prometheusText } from '../../../lib/guard/metrics/prometheus.ts';
import type { MetricsSnapshot } from '../../../lib/guard/metrics/snapshot.ts';
import { memoryStore } from '../../../lib/store/memory/memory-store.ts';
import { manualClock } from '../../../lib/testing/manual-clock.ts';
import { readExposition } from '../../support/exposition.ts';

const clock = manualClock();

const snapshotOf = (changes: Partial<MetricsSnapshot> = {}): MetricsSnapshot => ({
  ...createMeter({ clock }).snapshot(createKv({ store: memoryStore(), clock })),
  ...changes,
});

const told = (changes: Partial<MetricsSnapshot>, options?: Parameters<typeof prometheusText>[1]) =>
  prometheusText([{ runtime: 'handler', snapshot: snapshotOf(changes) }], options);

describe('what Prometheus is told', () => {
  it('is text that it can read: each family once, described, its samples together, no series twice', () => {
    const snapshot = snapshotOf({ policies: { ip: { allowed: 1, limited: 2 } } });
    const runtimes = ['middleware', 'handler'].map((runtime) => ({ runtime, snapshot }));
    for (const format of ['text', 'openmetrics'] as const) {
      const families = readExposition(prometheusText(runtimes, { store: { isUp: true, usedBytes: 1 }, format }));
      expect(families.map(({ name }) => name)).toContain('breakwater_decisions_total');
      for (const { help, type } of families) {
        expect(help).toMatch(/^[A-Z1].*\.$/);
        expect(type).toMatch(/^(?:counter|gauge|histogram)$/);
      }
    }
  });

  it('has buckets that hold those before them, in seconds', () => {
    const text = told({ decisionDuration: { boundsMs: [1, 50, 1_000], counts: [2, 3, 0, 1], sumMs: 1_500 } });
    expect(text).toContain(
      [
        '# TYPE breakwater_decision_duration_seconds histogram',
        'breakwater_decision_duration_seconds_bucket{runtime="handler",le="0.001"} 2',
        'breakwater_decision_duration_seconds_bucket{runtime="handler",le="0.05"} 5',
        'breakwater_decision_duration_seconds_bucket{runtime="handler",le="1.0"} 5',
        'breakwater_decision_duration_seconds_bucket{runtime="handler",le="+Inf"} 6',
        'breakwater_decision_duration_seconds_sum{runtime="handler"} 1.5',
        'breakwater_decision_duration_seconds_count{runtime="handler"} 6',
        '',
      ].join('\n'),
    );
  });

  it('escapes what stands in labels', () => {
    const text = told({ policies: { 'a"b\\c\nd': { allowed: 1, limited: 0 } } });
    expect(text).toContain(
      'breakwater_limit_checks_total{runtime="handler",policy="a\\"b\\\\c\\nd",result="allowed"} 1\n',
    );
  });

  it('leaves out what nobody knows', () => {
    const text = told({ plan: null }, { store: { isUp: false } });
    expect(text).not.toContain('breakwater_plan');
    expect(text.match(/^breakwater_redis.*$/gm)).toEqual(['breakwater_redis_up 0']);
    expect(told({})).not.toContain('breakwater_redis');
    expect(
      told({ plan: { commandsToday: 7, commandsPerDay: 10, maxBytes: null } }).match(/^breakwater_plan.*$/gm),
    ).toEqual([
      'breakwater_plan_commands_today{runtime="handler"} 7',
      'breakwater_plan_commands_limit{runtime="handler"} 10',
    ]);
  });

  it('counts a decision without Redis once, as one on a remembered key or on local limits', () => {
    const { decisions } = snapshotOf();
    const text = told({ decisions: { ...decisions, allowed: 9, degraded: 5, degradedKeys: 2 } });
    expect(text.match(/^breakwater_degraded.*$/gm)).toEqual([
      'breakwater_degraded_decisions_total{runtime="handler",part="keys"} 2',
      'breakwater_degraded_decisions_total{runtime="handler",part="limits"} 3',
    ]);
  });

  it('has one circuit state, and says 0 of the others', () => {
    const { circuit } = snapshotOf();
    expect(
      told({ circuit: { ...circuit, state: 'HALF_OPEN' }, openMs: 1_500 }).match(/^breakwater_circuit.*$/gm),
    ).toEqual([
      'breakwater_circuit_state{runtime="handler",state="closed"} 0',
      'breakwater_circuit_state{runtime="handler",state="open"} 0',
      'breakwater_circuit_state{runtime="handler",state="half_open"} 1',
      'breakwater_circuit_opened_total{runtime="handler"} 0',
      'breakwater_circuit_open_seconds_total{runtime="handler"} 1.5',
    ]);
  });

  it('is the same series as OpenMetrics, whose counters are described without their suffix', () => {
    const series = (text: string) => text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    const openMetrics = told({}, { format: 'openmetrics' });
    expect(series(openMetrics)).toEqual(series(told({})));
    expect(openMetrics).toContain('# TYPE breakwater_decisions counter\nbreakwater_decisions_total{');
    expect(openMetrics.endsWith('\n# EOF\n')).toBe(true);
    expect(told({})).toContain('# TYPE breakwater_decisions_total counter\n');
    expect(told({})).not.toContain('EOF');
  });

  it('does not take two runtimes of one name: their series could not be told apart', () => {
    const one = { runtime: 'a', snapshot: snapshotOf() };
    expect(() => prometheusText([one, one])).toThrow('runtimes must each have a name of their own');
  });
});
