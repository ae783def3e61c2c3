'use client';

import type { ConsoleSnapshot } from '../../../api/_console/snapshot.ts';
import { linePath } from '../chart/path.ts';
import { Plot } from '../chart/plot.tsx';
import { linear, roundTop } from '../chart/scale.ts';
import { useLive } from '../live/live.tsx';
import { circuitAt } from '../model/circuit.ts';
import { HISTORY_MS } from '../model/console-state.ts';
import { counted, ratio, UNKNOWN, whole } from '../model/format.ts';
import { front } from '../model/look.ts';
import { type Point, WINDOW_MS } from '../model/point.ts';

const MAX_GAP = (2 * WINDOW_MS) / HISTORY_MS;

/**
 * What a check costs: one request where limits are exact, less where permits are taken in advance or a refusal stands, none
 * during an outage.
 */
export function RedisPanel() {
  const points = useLive((state) => state.points);
  const look = useLive((state) => state.look);
  const now = points.at(-1)?.requestsPerCheck ?? null;
  const top = roundTop(
    points.reduce((most, point) => Math.max(most, point.requestsPerCheck ?? 0), 0),
    1,
  );
  const path = lineOf(points, top);
  const saved = points.reduce((sum, point) => sum + point.saved, 0);
  return (
    <>
      <p className="reading">
        <span className="muted">exact 1.00 →</span> <b>{ratio(now)}</b>{' '}
        <span className="muted">{meaning(now, look)}</span>
      </p>
      <Plot
        label={`Requests to Redis per check in the last five minutes. Now ${ratio(now)}.`}
        yLabels={[ratio(top), ratio(top / 2), '0']}
        xLabels={['5 min ago', '2.5 min', 'now']}
        empty={points.length > 0 && path === '' ? 'No checks in the last five minutes.' : undefined}
      >
        <path className="line p50" d={path} />
      </Plot>
      <p className="muted small">
        {counted(saved, 'round trip')} saved in five minutes · cache hits since it began:{' '}
        {look === null ? UNKNOWN : cacheHits(look)}
      </p>
    </>
  );
}

function lineOf(points: readonly Point[], top: number): string {
  const untilAt = points.at(-1)?.at ?? 0;
  const places = points.map(({ at, requestsPerCheck }) => ({
    x: 1 - (untilAt - at) / HISTORY_MS,
    y: requestsPerCheck === null ? null : linear(requestsPerCheck, top),
  }));
  return linePath(places, MAX_GAP);
}

function meaning(now: number | null, look: ConsoleSnapshot | null): string {
  if (now === null || look === null) return '';
  if (circuitAt(front(look).circuit, look.at).state === 'OPEN') return 'Redis is left alone';
  if (now < 0.95) {
    const isLeased = front(look).busiest.some(({ basis }) => basis === 'lease');
    return isLeased ? 'leased: permits are taken in advance' : 'who is over a limit is refused without asking again';
  }
  return now < 1.05 ? 'each check asks Redis once' : 'some checks ask more than once';
}

function cacheHits(look: ConsoleSnapshot): string {
  const all = [look.handler, ...(look.middleware ? [look.middleware] : [])].map(({ caches }) => caches);
  const hits = all.reduce((sum, caches) => sum + caches.hits, 0);
  const reads = all.reduce((sum, caches) => sum + caches.hits + caches.misses, 0);
  return reads === 0 ? 'none' : `${whole((100 * hits) / reads)} % of ${whole(reads)}`;
}
