'use client';

import type { ConsoleSnapshot } from '../../../api/_console/snapshot.ts';
import { useLive } from '../live/live.tsx';
import { type CircuitNow, circuitAt } from '../model/circuit.ts';
import { span } from '../model/format.ts';
import { headline } from '../model/headline.ts';
import type { Life } from '../model/lives.ts';
import { segmentsOf } from '../model/lives.ts';
import { front } from '../model/look.ts';
import { STATE_WORDS } from '../model/words.ts';
import { StateMark } from './state-mark.tsx';

/** What is most worth knowing: which store, in which state since when, and what that means. */
export function StatusStrip() {
  const look = useLive((state) => state.look);
  const rows = useLive((state) => state.rows);
  const lives = useLive((state) => (state.look?.middleware ? state.middleware : state.handler));
  const now = look && circuitAt(front(look).circuit, look.at);
  return (
    <header className="strip">
      <h1>Breakwater</h1>
      <p className="store">{look === null ? 'store: …' : storeOf(look)}</p>
      <div className="state">
        {now === null ? <span className="muted">connecting</span> : <State now={now} />}
        {look === null ? null : <span className="muted since">{sinceOf(lives, look.at)}</span>}
      </div>
      <p className="headline">
        {look === null ? 'Waiting for the first look at the application.' : headline(look, rows)}
      </p>
    </header>
  );
}

/** Read out when it changes; how long it has lasted is not. */
function State({ now }: { readonly now: CircuitNow }) {
  return (
    <output className={`state-word ${now.state === 'CLOSED' ? 'closed' : now.state === 'OPEN' ? 'open' : 'half-open'}`}>
      <StateMark state={now.state} />
      <span className="visually-hidden">The circuit is </span>
      {STATE_WORDS[now.state]}
    </output>
  );
}

function storeOf({ store: { kind, host, namespace } }: ConsoleSnapshot): string {
  return `store: ${[kind, host, namespace === null ? null : `namespace ${namespace}`].filter(Boolean).join(' · ')}`;
}

/** How long the last state has lasted, as far as anybody remembers. */
function sinceOf(lives: readonly Life[], at: number): string {
  const last = segmentsOf(lives, 0, at).at(-1);
  return last === undefined ? '' : span(at - last.fromAt);
}
