import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import GithubSlugger from 'github-slugger';
import { beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { GET } from '../api/metrics.ts';
import { createKv } from '../lib/client/kv-client.ts';
import { getDefaults } from '../lib/default-client.ts';
import type { RefusalCode } from '../lib/guard/decision.ts';
import { createMeter } from '../lib/guard/metrics/meter.ts';
import { memoryStore } from '../lib/store/memory/memory-store.ts';
import { manualClock } from '../lib/testing/manual-clock.ts';
import { useDefaultEnvironment } from './support/default-environment.ts';
import { type ExposedFamily, readExposition } from './support/exposition.ts';
import { AWAY } from './support/scripted-client.ts';
import { projectRoot } from './support/source-tree.ts';

interface AlertRule {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly runbook: string };
}

interface AlertRules {
  readonly groups: readonly { readonly name: string; readonly rules: readonly AlertRule[] }[];
}

const read = (path: string): Promise<string> => readFile(join(projectRoot, 'docs', path), 'utf8');

/** Set by Prometheus on all that it reads. */
const OF_PROMETHEUS = ['instance', 'job'];
const CODES: readonly RefusalCode[] = ['key-store-unavailable', 'limits-unavailable'];
/** Of which the memory store does not tell: it neither fails nor has a network. */
const UNTOLD = [
  ...['breakwater_redis_received_bytes_total', 'breakwater_redis_sent_bytes_total'],
  'breakwater_store_failures_total',
];

useDefaultEnvironment({ KV_PLAN_COMMANDS_PER_DAY: '10000', KV_PLAN_MAX_BYTES: '30000000' });

let printed: readonly ExposedFamily[] = [];
let rules: readonly AlertRule[] = [];

beforeEach(async () => {
  const { kv } = getDefaults();
  await kv.get('a');
  kv.measure.limit(
    { policy: 'ip', allowed: true, limit: 1, remaining: 0, retryAfterMs: undefined },
    'store',
    undefined,
  );
  for (const code of CODES) kv.measure.decision({ outcome: 'deny', status: 503, code, degraded: [] }, 1);
  const response = await GET(new Request('https://example.test/api/metrics'));
  printed = readExposition(await response.text());
  rules = (parse(await read('alerts.yml')) as AlertRules).groups.flatMap((group) => group.rules);
});

const familyOf = (metric: string): ExposedFamily | undefined =>
  printed.find(({ name, samples }) => name === metric || samples.some((sample) => sample.name === metric));

describe('docs/alerts.yml', () => {
  it('asks for metrics, labels and values that /api/metrics really prints', () => {
    for (const { alert, expr } of rules) {
      const selectors = [...expr.matchAll(/(breakwater_\w+)(?:\{([^}]*)\})?/g)];
      expect(selectors, alert).not.toEqual([]);
      const known = new Set(OF_PROMETHEUS);
      for (const [, metric = '', matchers = ''] of selectors) {
        const samples = familyOf(metric)?.samples.filter(({ name }) => name === metric) ?? [];
        expect(samples, `${alert}: ${metric}`).not.toEqual([]);
        for (const label of samples.flatMap(({ labels }) => Object.keys(labels))) known.add(label);
        for (const [, label = '', , values = ''] of matchers.matchAll(/(\w+)(=~?)"([^"]*)"/g)) {
          const had = new Set(samples.map(({ labels }) => labels[label]));
          for (const value of values.split('|')) expect(had, `${alert}: ${metric} ${label}`).toContain(value);
        }
      }
      for (const [, labels = ''] of expr.matchAll(/\bby \(([^)]*)\)/g)) {
        for (const label of labels.split(/\s*,\s*/)) expect(known, `${alert}: by ${label}`).toContain(label);
      }
    }
  });

  it('leaves out a circuit that nobody asks: it stays half open, and no request is counted', async () => {
    const clock = manualClock();
    const meter = createMeter({ clock });
    const kv = createKv({ store: { ...memoryStore(), execute: () => Promise.reject(AWAY) }, clock, telemetry: meter });
    for (let time = 0; time < 10; time += 1) await kv.get('a').catch(() => undefined);
    const opened = meter.snapshot(kv);
    expect(opened.circuit.state).toBe('OPEN');
    await clock.run(3_600_000);
    const { circuit, requests } = meter.snapshot(kv);
    expect(circuit.state).toBe('HALF_OPEN');
    expect(requests).toEqual(opened.requests);
    const { expr } = rules.find(({ alert }) => alert === 'BreakwaterRedisAway') ?? {};
    expect(expr).toMatch(/ unless sum by \(.*\) \(increase\(breakwater_store_requests_total\[5m\]\)\) == 0$/);
  });

  it('compares with what docs/metrics.md says, and names each alert there once', async () => {
    const text = await read('metrics.md');
    const listed = [...text.matchAll(/^\| `(Breakwater\w+)` \|/gm)].map(([, name]) => name);
    expect(listed).toEqual(rules.map(({ alert }) => alert));
    for (const { expr } of rules) expect(expr).toMatch(/(?:>|==) \d+(?:\.\d+)?$/);
  });

  it('leads from each alert to a section of the runbook, and says in a sentence what is wrong', async () => {
    const slugger = new GithubSlugger();
    const anchors = [...(await read('runbook.md')).matchAll(/^#+ (.+)$/gm)].map(([, title = '']) =>
      slugger.slug(title),
    );
    for (const { labels, annotations } of rules) {
      const [, anchor] = /^runbook\.md#(.+)$/.exec(annotations.runbook) ?? [];
      expect(anchors).toContain(anchor);
      expect(annotations.summary).toMatch(/\.$/);
      expect(labels.severity).toMatch(/^(?:warning|critical)$/);
    }
  });
});

describe('docs/metrics.md', () => {
  it('lists every metric that is printed, by its type and its labels, and no other', async () => {
    const rows = [...(await read('metrics.md')).matchAll(/^\| ((?:`breakwater_\w+`(?:, )?)+) \| (\w+) \|(.*)$/gm)];
    const listed = new Map(
      rows.flatMap(([, names = '', type = '', rest = '']) =>
        [...names.matchAll(/`(\w+)`/g)].map(([, name = '']) => [name, { type, rest }] as const),
      ),
    );
    const names = printed.map(({ name }) => name);
    expect([...listed.keys()].sort()).toEqual([...names, ...UNTOLD].sort());
    for (const { name, type, samples } of printed) {
      expect(listed.get(name)?.type, name).toBe(type);
      for (const label of new Set(samples.flatMap(({ labels }) => Object.keys(labels)))) {
        if (label !== 'runtime') expect(listed.get(name)?.rest, name).toContain(`\`${label}\``);
      }
    }
  });

  it('names no metric that there is not', async () => {
    const known = new Set([...printed.map(({ name }) => name), ...UNTOLD]);
    const text = `${await read('metrics.md')}${await read('runbook.md')}`;
    for (const [name] of text.matchAll(/\bbreakwater_\w+/g)) expect(known).toContain(name);
  });
});
