'use client';

import { Legend } from '../chart/legend.tsx';
import { linePath } from '../chart/path.ts';
import { Plot } from '../chart/plot.tsx';
import { logarithmic } from '../chart/scale.ts';
import { useLive } from '../live/live.tsx';
import { HISTORY_MS } from '../model/console-state.ts';
import { latency } from '../model/format.ts';
import { front } from '../model/look.ts';
import { type Point, WINDOW_MS } from '../model/point.ts';

/** Powers of ten, in milliseconds. */
const LEAST_TOP = 10;
const BOTTOM = 0.1;
/** Looks come once a second: what is further apart is not connected. */
const MAX_GAP = (2 * WINDOW_MS) / HISTORY_MS;

/** How long the guard takes to decide, and nothing else: no handler, no network of the client. */
export function LatencyPanel() {
  const points = useLive((state) => state.points);
  const beyondMs = useLive((state) => (state.look ? front(state.look).decisionDuration.boundsMs.at(-1) : undefined));
  const now = points.at(-1)?.latency ?? undefined;
  const top = topOf(points, beyondMs ?? LEAST_TOP);
  const values = { p50: latency(now?.p50, beyondMs), p99: latency(now?.p99, beyondMs) };
  const p50 = lineOf(points, 'p50', top);
  return (
    <>
      <Legend
        items={[
          { name: 'p50', tone: 'p50', value: values.p50 },
          { name: 'p99', tone: 'p99', value: values.p99 },
        ]}
      />
      <Plot
        label={`How long the guard took to decide, in the last five minutes, on a logarithmic scale. Now p50 is ${values.p50}, and p99 ${values.p99}.`}
        yLabels={decades(top)}
        xLabels={['5 min ago', '2.5 min', 'now']}
        empty={points.length > 0 && p50 === '' ? 'No decisions in the last five minutes.' : undefined}
      >
        <path className="line p99" d={lineOf(points, 'p99', top)} />
        <path className="line p50" d={p50} />
      </Plot>
    </>
  );
}

function lineOf(points: readonly Point[], which: 'p50' | 'p99', top: number): string {
  const untilAt = points.at(-1)?.at ?? 0;
  const places = points.map(({ at, latency: found }) => ({
    x: 1 - (untilAt - at) / HISTORY_MS,
    y: found === null ? null : logarithmic(found[which], BOTTOM, top),
  }));
  return linePath(places, MAX_GAP);
}

/** The power of ten above everything, which changes seldom. */
function topOf(points: readonly Point[], beyondMs: number): number {
  const highest = points.reduce(
    (most, point) => Math.max(most, Math.min(point.latency?.p99 ?? 0, beyondMs)),
    LEAST_TOP,
  );
  return 10 ** Math.ceil(Math.log10(highest) - 1e-9);
}

function decades(top: number): readonly string[] {
  const labels: string[] = [];
  for (let value = top; value > BOTTOM * 0.9; value /= 10)
    labels.push(value >= 1_000 ? `${value / 1_000} s` : `${value >= 1 ? value : BOTTOM} ms`);
  return labels;
}
