'use client';

import { Legend } from '../chart/legend.tsx';
import { type Column, columnsPath } from '../chart/path.ts';
import { Plot } from '../chart/plot.tsx';
import { linear, roundTop } from '../chart/scale.ts';
import { useLive } from '../live/live.tsx';
import { rate } from '../model/format.ts';
import type { Point, Rates } from '../model/point.ts';

/** From the bottom of the stack to its top. */
const LAYERS = ['allowed', 'degraded', 'limited', 'refused'] as const;
const SPAN_MS = 60_000;
const COLUMN = 0.8 / 60;
const LEAST_TOP = 5;

/** Requests per second of the last minute, each of them counted once. */
export function RequestsPanel() {
  const points = useLive((state) => state.points);
  const untilAt = points.at(-1)?.at ?? 0;
  const shown = points.filter(({ at }) => at > untilAt - SPAN_MS);
  const now = points.at(-1)?.rates ?? undefined;
  const top = roundTop(Math.max(0, ...shown.map(({ rates }) => (rates === null ? 0 : sum(rates)))), LEAST_TOP);
  const stacks = LAYERS.map((_, at) => columnsPath(columnsOf(shown, at, untilAt, top), COLUMN));
  const nothing = points.length > 0 && stacks.every((path) => path === '');
  return (
    <>
      <Legend items={LAYERS.map((name) => ({ name, tone: name, value: rate(now?.[name]) }))} />
      <Plot
        label={`Requests per second in the last 60 seconds. Now ${LAYERS.map((name) => `${name} ${rate(now?.[name])}`).join(', ')}.`}
        yLabels={[`${top}/s`, `${top / 2}/s`, '0/s']}
        xLabels={['60 s ago', '30 s', 'now']}
        empty={nothing ? 'No requests in the last minute.' : undefined}
      >
        {LAYERS.map((layer, at) => (
          <path key={layer} className={`fill ${layer}`} d={stacks[at]} />
        ))}
      </Plot>
    </>
  );
}

/** One layer of the stack: each column stands on those of the layers below. */
function columnsOf(points: readonly Point[], layer: number, untilAt: number, top: number): readonly Column[] {
  return points.flatMap(({ at, rates }) => {
    if (rates === null) return [];
    const below = LAYERS.slice(0, layer).reduce((total, name) => total + rates[name], 0);
    const name = LAYERS[layer] ?? 'refused';
    const x = 1 - (untilAt - at) / SPAN_MS;
    return [{ x, from: linear(below, top), to: linear(below + rates[name], top) }];
  });
}

function sum({ allowed, degraded, limited, refused }: Rates): number {
  return allowed + degraded + limited + refused;
}
