'use client';

import type { CircuitStateName } from '../../../lib/events.ts';
import type { CircuitChange } from '../../../lib/guard/metrics/snapshot.ts';
import { HEIGHT, WIDTH } from '../chart/path.ts';
import { useLive } from '../live/live.tsx';
import { circuitAt } from '../model/circuit.ts';
import { HISTORY_MS } from '../model/console-state.ts';
import { span, UNKNOWN } from '../model/format.ts';
import { type Life, type Segment, segmentsOf } from '../model/lives.ts';
import { reasonOf, STATE_WORDS } from '../model/words.ts';
import { StateMark } from './state-mark.tsx';

/** Each state has a height besides its colour. */
const BARS: Readonly<Record<CircuitStateName, { readonly tone: string; readonly height: number }>> = {
  CLOSED: { tone: 'allowed', height: 12 },
  OPEN: { tone: 'open', height: HEIGHT },
  HALF_OPEN: { tone: 'degraded', height: 56 },
};
const STATES: readonly CircuitStateName[] = ['CLOSED', 'OPEN', 'HALF_OPEN'];
/** An outage of a second is a hair in five minutes, and is to be seen all the same. */
const MIN_WIDTH = 3;

/** The circuits of the last five minutes. Middleware and handlers live in different memories, and have one each. */
export function CircuitPanel() {
  const look = useLive((state) => state.look);
  const middleware = useLive((state) => state.middleware);
  const handler = useLive((state) => state.handler);
  const at = look?.at ?? 0;
  const hasMiddleware = middleware.length > 0;
  // As the strip does: of a middleware that is not heard of any more nobody knows how it stands.
  const lives = look?.middleware ? middleware : handler;
  const life = lives.at(-1);
  const last = life?.changes.at(-1);
  return (
    <>
      <ul className="legend">
        {STATES.map((state) => (
          <li key={state}>
            <StateMark state={state} />
            {STATE_WORDS[state].toLowerCase()}
          </li>
        ))}
      </ul>
      <div className="lanes">
        {hasMiddleware ? <Lane name="middleware" lives={middleware} at={at} /> : null}
        <Lane name={hasMiddleware ? 'handlers' : 'process'} lives={handler} at={at} />
        <div className="x-axis" aria-hidden="true">
          <span>5 min ago</span>
          <span>2.5 min</span>
          <span>now</span>
        </div>
      </div>
      <dl className="facts">
        <dt>Last change</dt>
        <dd>{last === undefined ? 'none since it began' : `${span(at - last.at)} ago: ${sayStep(last)}`}</dd>
        <dt>Why</dt>
        <dd>{last === undefined ? UNKNOWN : whyOf(last)}</dd>
        <dt>Next probe</dt>
        <dd>{life === undefined ? UNKNOWN : nextProbe(life, at)}</dd>
      </dl>
    </>
  );
}

function Lane({ name, lives, at }: { readonly name: string; readonly lives: readonly Life[]; readonly at: number }) {
  const segments = segmentsOf(lives, at - HISTORY_MS, at);
  const last = segments.at(-1);
  const state = last?.toAt === at ? last.state : undefined;
  return (
    <>
      <span className="lane-name">{name}</span>
      <svg
        className="lane"
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`Circuit of the ${name} in the last five minutes: ${sayLane(segments)}${state ? `now ${STATE_WORDS[state]}` : 'nothing known'}.`}
      >
        {STATES.map((one) => (
          <path key={one} className={`fill ${BARS[one].tone}`} d={barsPath(segments, one, at)} />
        ))}
      </svg>
    </>
  );
}

function barsPath(segments: readonly Segment[], state: CircuitStateName, at: number): string {
  const { height } = BARS[state];
  const x = (instant: number) => Math.round((1 - (at - instant) / HISTORY_MS) * WIDTH * 10) / 10;
  return segments
    .filter((segment) => segment.state === state)
    .map(({ fromAt, toAt }) => {
      const width = Math.max(x(toAt) - x(fromAt), state === 'CLOSED' ? 0 : MIN_WIDTH);
      return `M${Math.min(x(fromAt), WIDTH - width)} ${HEIGHT}v${-height}h${width}v${height}z`;
    })
    .join('');
}

function sayLane(segments: readonly Segment[]): string {
  const opened = segments.filter(({ state }, at) => state === 'OPEN' && segments[at - 1]?.state === 'CLOSED').length;
  return opened === 0 ? '' : `opened ${opened === 1 ? 'once' : `${opened} times`}, `;
}

function sayStep({ from, to }: CircuitChange): string {
  return `${STATE_WORDS[from].toLowerCase()} → ${STATE_WORDS[to].toLowerCase()}`;
}

function whyOf(change: CircuitChange): string {
  const reason = reasonOf(change);
  if (reason !== null) return reason;
  if (change.to === 'CLOSED') return 'its probes came back well';
  return change.to === 'HALF_OPEN' ? 'its time was up' : UNKNOWN;
}

function nextProbe({ circuit }: Life, at: number): string {
  const { state, probeInMs } = circuitAt(circuit, at);
  if (probeInMs !== null) return `in ${span(probeInMs)}`;
  if (state === 'HALF_OPEN') return 'with the next request';
  return state === 'OPEN' ? 'when somebody releases it' : 'none needed';
}
